"""Carts and download requests of the settings, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import DownloadMailSettings, DownloadSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.store.requests.advancing import Advancing
from beamcat.store.requests.carts import Carts
from beamcat.store.requests.contents import Contents
from beamcat.store.requests.downloads import Downloads
from beamcat.store.requests.following import Following
from beamcat.store.requests.items import Catalogued
from beamcat.store.requests.posting import Posting
from beamcat.store.requests.reminders import Reminders
from beamcat.store.requests.submitting import Submissions
from beamcat.store.requests.transports import Transports
from beamcat.store.requests.variables import Variable, find_variable, set_variable
from beamcat.store.service import DataService
from beamcat.store.targets.opening import TargetRequests, target_requests
from beamcat.store.targets.sources import Sources
from beamcat.store.targets.working import Place


@dataclass(frozen=True, slots=True)
class DownloadRequests:
    """The parts. `posting` is None where no mails are sent."""

    settings: DownloadSettings
    database: Database
    catalogued: Catalogued
    carts: Carts
    downloads: Downloads
    transports: Transports
    submissions: Submissions
    advancing: Advancing
    reminders: Reminders
    posting: Posting | None
    contents: Contents
    following: Following
    targets: TargetRequests | None = None
    """Those whose data are brought somewhere; None where no transport has a target."""

    async def facility(self, name: str | None) -> str:
        """The facility that a client names, or the only one. Raises `BadParameter` when it is not known."""
        known = [self.settings.facility] if self.settings.facility else await self.catalogued.facilities()
        if not name:
            if len(known) != 1:
                raise BadParameter("facilityName is required: there is not exactly one facility")
            return known[0]
        if name not in known:
            raise BadParameter(f"there is no facility {name[:100]!r} here")
        return name

    async def usual_facility(self) -> str:
        """The facility of those who name none: that of the settings, else the first of the catalogue.

        Raises `BadParameter` when there is none.
        """
        known = [self.settings.facility] if self.settings.facility else await self.catalogued.facilities()
        if not known:
            raise BadParameter("there is no facility in the catalogue yet")
        return known[0]

    async def variable(self, name: str) -> Variable | None:
        """A text that portals keep here."""
        return await find_variable(self.database, name)

    async def set_variable(self, name: str, value: str) -> None:
        """Write such a text."""
        await set_variable(self.database, name, value)


def download_requests(
    settings: Settings,
    database: Database,
    rulebooks: Rulebooks,
    data: DataService,
    *,
    sources: Sources | None = None,
    places: Mapping[str, Place] | None = None,
) -> DownloadRequests:
    """The carts and downloads of this worker. `sources` and `places` are needed where there are targets."""
    chosen = settings.downloads
    catalogued = Catalogued(database, rulebooks)
    carts = Carts(database, catalogued, chosen.max_cart_items)
    downloads = Downloads(database, mails=chosen.mail.enabled, most_listed=chosen.max_listed)
    transports = Transports(database, chosen)
    targets = None
    if sources is not None and places:
        targets = target_requests(settings, database, downloads, sources, places)
    two_level = settings.store.archive is not None
    return DownloadRequests(
        settings=chosen,
        database=database,
        catalogued=catalogued,
        carts=carts,
        downloads=downloads,
        transports=transports,
        submissions=Submissions(
            database,
            data,
            chosen,
            catalogued=catalogued,
            carts=carts,
            downloads=downloads,
            transports=transports,
            two_level=two_level,
            targets=targets,
        ),
        advancing=Advancing(database, rulebooks, data, downloads, chosen, targets=targets),
        reminders=Reminders(database, _silence(chosen.mail)),
        contents=Contents(database, catalogued, settings.store.unit if two_level else None),
        following=Following(database, data),
        posting=Posting(database, downloads, chosen, data_url(settings)) if chosen.mail.enabled else None,
        targets=targets,
    )


def _silence(mail: DownloadMailSettings) -> timedelta | None:
    """After which people are reminded; None where they are not."""
    return timedelta(hours=mail.remind_after_hours) if mail.enabled and mail.remind else None


def data_url(settings: Settings) -> str:
    """The URL of this server for links in mails, without a path of ours."""
    server = settings.server
    return (server.public_url or f"http://{server.host}:{server.port}").rstrip("/")
