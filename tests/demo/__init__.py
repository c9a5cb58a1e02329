"""The example facility: its data, its files, and its load into a running server."""
