"""Tools for programs with a language model: the Model Context Protocol."""
