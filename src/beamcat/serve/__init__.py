"""The processes of a running server: a parent that watches, and workers that answer."""
