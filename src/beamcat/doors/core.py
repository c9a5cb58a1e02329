"""What every door opens onto: the parts of the core, and what a client may be told of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from beamcat.access.caller import Caller
from beamcat.access.own_tokens import OwnTokens
from beamcat.access.preferences import Preferences
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.sessions import Sessions
from beamcat.assistant.answering import Assistant
from beamcat.assistant.tools import Tools
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump.dumps import Dumps
from beamcat.catalogue.figures import FigureBook
from beamcat.catalogue.folders import Folders
from beamcat.catalogue.search import Searches
from beamcat.catalogue.summaries import Summaries
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind, InternalError, SessionError
from beamcat.events.announcements import Announcements
from beamcat.events.object_history import Histories
from beamcat.observability.logs import logger, without_tokens
from beamcat.observability.requests import name_outcome, name_user
from beamcat.protection.protection import Protection
from beamcat.protection.visits import current_visit
from beamcat.search.alike import Alike
from beamcat.search.rebuilding.population import Population
from beamcat.search.saved.opening import Saved
from beamcat.search.service import Search
from beamcat.store.deliveries.deliveries import Deliveries
from beamcat.store.digests.table import DigestTable
from beamcat.store.metalink import Metalinks
from beamcat.store.permalinks import Permalinks
from beamcat.store.removal import Removal
from beamcat.store.requests.opening import DownloadRequests
from beamcat.store.service import DataService
from beamcat.store.sharing import Sharing
from beamcat.store.units.opening import TwoLevelStorage
from beamcat.store.uploads.uploads import Uploads
from beamcat.store.viewing.thumbnails import Thumbnails
from beamcat.store.viewing.viewer import Viewer

VERSION = "6.2.0"
"""The ICAT version that clients are told of."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts, opened."""

    settings: Settings
    sessions: Sessions
    rulebooks: Rulebooks
    searches: Searches
    summaries: Summaries
    figures: FigureBook
    catalogue: Catalogue
    dumps: Dumps
    data: DataService
    uploads: Uploads
    removal: Removal
    requests: DownloadRequests
    digests: DigestTable
    permalinks: Permalinks
    metalinks: Metalinks
    deliveries: Deliveries
    protection: Protection
    preferences: Preferences
    sharing: Sharing
    histories: Histories
    own_tokens: OwnTokens
    announcements: Announcements
    tools: Tools
    database: Database
    """For what the core offers as functions; a door says nothing to it itself."""
    folders: Folders
    viewer: Viewer
    thumbnails: Thumbnails
    two_levels: TwoLevelStorage | None = None
    """Main storage and archive; None with one level of storage."""
    search: Search | None = None
    """None: it cannot be opened, and the log says why."""
    alike: Alike | None = None
    """What is alike, or means the same; None without search."""
    population: Population | None = None
    """What documents are made again on demand; None without search."""
    saved: Saved | None = None
    """None without search."""
    assistant: Assistant | None = None
    """None where no model is configured."""

    async def caller(self, session_id: str | None) -> Caller:
        """Who is asking, by a session id or a token; `SessionError` when neither lives."""
        visit = current_visit()
        try:
            session = await self.sessions.find(session_id)
        except SessionError:
            if visit is not None:
                visit.stranger()
            raise
        name_user(session.user_name)
        caller = await self.rulebooks.caller(session.user_name)
        if visit is not None:
            visit.user(caller)
        return caller if caller.scopes == session.scopes else replace(caller, scopes=session.scopes)

    async def login(self, plugin: str | None, credentials: Mapping[str, str], address: str) -> str:
        """The id of a new session: see `Sessions.login`."""
        if (visit := current_visit()) is not None:
            visit.stranger()
        return await self.sessions.login(plugin, credentials, address)


def bearer(authorization: str | None) -> str | None:
    """The session id or token of the header `Authorization: Bearer ...` (RFC 6750 section 2.1).

    None without the header, and with one of another scheme, which is for a proxy on the way.
    """
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    return credentials.strip() or None if scheme.lower() == "bearer" else None


def as_told(problem: Exception, door: str) -> BeamcatError:
    """The problem as an error a client may be told. What nobody foresaw is written to the log, not to the client."""
    name_outcome((problem.kind if isinstance(problem, BeamcatError) else ErrorKind.INTERNAL).name)
    if isinstance(problem, BeamcatError) and problem.kind is not ErrorKind.INTERNAL:
        return problem
    logger().error("unforeseen fault", exc_info=problem, door=door)
    return problem if isinstance(problem, BeamcatError) else InternalError(str(problem))


def message_for_client(error: BeamcatError, request_id: str) -> str:
    """The text of the error, without any token. A fault of ours shows the request's id and nothing else."""
    if error.kind is ErrorKind.INTERNAL:
        return f"Something went wrong in the server. Request id: {request_id}"
    return without_tokens(error.message)
