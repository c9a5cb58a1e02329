"""Permanent URLs."""
