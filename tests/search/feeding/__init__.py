"""Tests of how the index follows the catalogue."""
