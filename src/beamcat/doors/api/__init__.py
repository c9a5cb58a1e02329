"""Beamcat's own interface for scripts and portals: JSON, described by OpenAPI."""
