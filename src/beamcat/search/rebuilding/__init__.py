"""The index made anew from the database, compared with it, and filled up where it lacks documents."""

from beamcat.search.rebuilding.building import Manner, Rebuilt, rebuild
from beamcat.search.rebuilding.first import first_index
from beamcat.search.rebuilding.population import Population, populate
from beamcat.search.rebuilding.progress import Progress

__all__ = ["Manner", "Population", "Progress", "Rebuilt", "first_index", "populate", "rebuild"]
