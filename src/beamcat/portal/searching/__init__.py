"""Searching: the page of what was found, suggestions while typing, and the searches that people keep."""
