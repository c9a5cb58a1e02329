"""Processes are killed while data comes in: what was acknowledged is there, and nothing is half there."""
