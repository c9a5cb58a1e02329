"""The `beamcat` command."""

from beamcat.cli.command import app, main

__all__ = ["app", "main"]
