"""A process that looks for saved searches and sends mails until it is killed: `DATABASE_URL SETTINGS_AS_JSON`."""

from __future__ import annotations

import asyncio
import json
import sys

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.search.opening import open_engine, open_search
from beamcat.search.saved.keeping import keep_alerting
from beamcat.search.saved.opening import open_saved


async def main(url: str, settings: Settings) -> None:
    """Work until killed."""
    async with Database(url, settings.database) as database:
        rulebooks = Rulebooks(database, settings.catalogue)
        search = open_search(settings, database, rulebooks, open_engine(settings))
        saved = open_saved(settings, database, rulebooks, search, settled_s=0.0)
        await keep_alerting(saved, look_every_s=0.05, follow_s=0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Settings(**json.loads(sys.argv[2]))))
