"""The index follows the catalogue: what happens there is found a moment later."""

from beamcat.search.feeding.feeder import Feeder, keep_feeding

__all__ = ["Feeder", "keep_feeding"]
