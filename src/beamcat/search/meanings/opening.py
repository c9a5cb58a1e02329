"""Search by meaning as the settings have it."""

from __future__ import annotations

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.search.meanings.asking import Meanings
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.model import LEARNED, plugin_model
from beamcat.search.meanings.models import Models

FOLDER = "meaning"
"""Of the files that are compared with questions, in the home."""


class OpenMeanings(Meanings):
    """Answers questions, and has texts read in the background."""

    def __init__(self, settings: Settings, database: Database, rulebooks: Rulebooks) -> None:
        chosen = settings.search.meaning
        models = Models(database, None if chosen.model == LEARNED else plugin_model(chosen.model, chosen.options))
        super().__init__(database, rulebooks, chosen, models, settings.home / FOLDER)
        self.keeper = Keeper(database, rulebooks, chosen, models)
