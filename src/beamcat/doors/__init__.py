"""Thin translations of protocols onto the core."""
