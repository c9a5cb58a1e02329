"""A process that reads texts for their meaning, a little at a time, until it is killed.

python -m tests.search.meanings.reader URL
"""

from __future__ import annotations

import asyncio
import sys

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import CatalogueSettings, DatabaseSettings, SearchMeaningSettings
from beamcat.database.pool import Database
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.models import Models


async def main(url: str) -> None:
    """Read until killed."""
    async with Database(url, DatabaseSettings()) as database:
        settings = SearchMeaningSettings(enabled=True, share=0.2)
        await Keeper(database, Rulebooks(database, CatalogueSettings()), settings, Models(database, None)).keep()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
