"""Carts, and downloads that are requested from them (data service specification, C)."""
