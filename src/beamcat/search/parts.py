"""What answering a search needs, opened once for a process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SearchSettings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.search.documents import DOCUMENTS
from beamcat.search.engine import Engine
from beamcat.search.language.opening import open_language
from beamcat.search.language.reading import Language
from beamcat.search.pages import Pages
from beamcat.search.readable import Readable
from beamcat.search.rights import SearchRights
from beamcat.search.tables import SmallTables


class LanguageOnce:
    """The language of the settings, read when it is first needed: that takes a second."""

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings.language
        self._reading = asyncio.Lock()
        self._language: Language | None = None

    async def get(self) -> Language:
        """The language. Raises `Unavailable` for settings or files that cannot be read."""
        if self._language is None:
            async with self._reading:
                if self._language is None:
                    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
                    try:
                        self._language = await asyncio.to_thread(open_language, self._settings, types)
                    except (BeamcatError, OSError) as error:
                        raise Unavailable(f"search.language in the settings cannot be used: {error}") from error
        return self._language


@dataclass(frozen=True)
class Parts:
    """The parts."""

    settings: SearchSettings
    database: Database
    engine: Engine
    rights: SearchRights
    readable: Readable
    pages: Pages
    tables: SmallTables
    language: LanguageOnce


def open_parts(settings: SearchSettings, database: Database, rulebooks: Rulebooks, engine: Engine) -> Parts:
    """The parts for an engine."""
    return Parts(
        settings,
        database,
        engine,
        SearchRights(database, rulebooks, settings.rights),
        Readable(database, rulebooks),
        Pages(database, rulebooks),
        SmallTables(database, settings.language.technique_ontology),
        LanguageOnce(settings),
    )
