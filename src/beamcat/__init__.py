"""Beamcat: the catalogue, data service and portal of a research facility, in one program."""

__version__ = "0.1.0"
