"""The example facility."""
