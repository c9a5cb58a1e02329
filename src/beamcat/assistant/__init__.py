"""What lets a language model look things up, and what keeps its answers to what it has found."""
