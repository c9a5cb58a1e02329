"""ICAT's REST interface."""
