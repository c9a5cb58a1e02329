"""A running server, asked over HTTP as its clients ask it."""
