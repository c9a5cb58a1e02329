"""Search as the settings have it. What is not used is not imported: commands that open an engine should begin soon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine

if TYPE_CHECKING:
    from beamcat.search.service import Search

FOLDER = "search"
"""Of the embedded engine, in the home."""


def indexed_documents(settings: Settings) -> Mapping[str, Documents]:
    """The documents that are indexed, by entity."""
    return {entity: documents for entity, documents in DOCUMENTS.items() if entity in settings.search.entities}


def open_engine(settings: Settings) -> Engine:
    """The engine of the settings. It need not hold an index yet, nor be reachable.

    Raises `Unavailable` where the settings want none.
    """
    if settings.search.engine == "none":
        raise Unavailable("search is switched off: search.engine is none in the settings")
    types = {entity: documents.type for entity, documents in indexed_documents(settings).items()}
    search = settings.search
    if search.engine == "opensearch":
        from beamcat.search.cluster import ClusterSearch

        assert search.opensearch is not None
        return ClusterSearch(types, search.opensearch, search.timeout_s)
    from beamcat.search.embedded import EmbeddedSearch

    return EmbeddedSearch(types, settings.home / FOLDER, search.embedded, search.timeout_s)


def open_search(settings: Settings, database: Database, rulebooks: Rulebooks, engine: Engine) -> Search:
    """The entry to search for all doors."""
    from beamcat.search.service import Search

    return Search(settings, database, rulebooks, engine)
