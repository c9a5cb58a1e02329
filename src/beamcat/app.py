"""The wiring: the doors, put on the core, as one ASGI application.

Everything a worker holds is opened here when it starts and closed when it ends. A worker that finds no database starts
all the same, says so at `/readyz`, and goes on trying.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from beamcat import __version__
from beamcat.access.authenticators import build_authenticators
from beamcat.access.login_protection import LoginProtection
from beamcat.access.own_tokens import OwnTokens
from beamcat.access.preferences import Preferences
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.sessions import SessionCount, Sessions
from beamcat.access.shares import Shares
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
from beamcat.database.schema import newest_version
from beamcat.doors.api.door import Api
from beamcat.doors.authn.door import Authn
from beamcat.doors.core import Core
from beamcat.doors.data.door import Data
from beamcat.doors.downloads.door import TopCat
from beamcat.doors.icat_rest.door import IcatRest
from beamcat.doors.icat_soap.door import IcatSoap
from beamcat.doors.ids.door import Ids
from beamcat.doors.mcp.door import Mcp
from beamcat.doors.robots import Robots
from beamcat.doors.status import Status
from beamcat.doors.uploads.door import UploadsDoor
from beamcat.errors import BeamcatError, Unavailable
from beamcat.events.announcements import Announcements
from beamcat.events.call_recorder import CallRecorder
from beamcat.events.lag import Backlog, backlog
from beamcat.events.object_history import Histories
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.observability.middleware import Observed
from beamcat.observability.slow_queries import Watch
from beamcat.observability.tracing import Tracing, open_tracing
from beamcat.protection.protection import Protection
from beamcat.search.alike import Alike
from beamcat.search.opening import open_engine, open_search
from beamcat.search.rebuilding.population import Population
from beamcat.search.relating import Relating, open_meanings
from beamcat.search.saved.opening import open_saved
from beamcat.search.service import Search
from beamcat.store.deliveries.deliveries import Deliveries
from beamcat.store.opening import open_store
from beamcat.store.requests.opening import download_requests
from beamcat.store.sharing import Sharing
from beamcat.store.viewing.thumbnails import Thumbnails
from beamcat.store.viewing.viewer import Viewer
from beamcat.tending import tending

ANSWER_AFTER_S = 2.0
"""How long a starting worker waits for the database before it answers all the same, if only that it is away."""
TRY_AGAIN_S = 1.0
"""Pause between two tries to reach the database."""


@dataclass(slots=True)
class Opened:
    """What a worker has open at the moment; None until the database is there."""

    calls: CallRecorder
    core: Core | None = None
    database: Database | None = None
    tracing: Tracing | None = None
    problem: str = "the server is starting"
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def reasons(self) -> list[str]:
        """Why requests cannot be served at the moment; empty when they can."""
        if self.database is None:
            return [self.problem]
        try:
            found = await schema_version(self.database)
        except BeamcatError as error:
            return [error.message]
        if found == newest_version():
            return []
        return [f"the schema of the database is {found}, but {newest_version()} is needed"]

    async def sessions(self) -> tuple[SessionCount, ...]:
        """The sessions stored, by authenticator."""
        return () if self.core is None else await self.core.sessions.counts()

    async def backlog(self) -> Backlog | None:
        """What readers of events have still to read."""
        return None if self.database is None else await backlog(self.database)


class Below(BaseRoute):
    """Every path at or below a prefix, whatever characters it holds: Starlette's `Mount` knows no line breaks."""

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self.prefix = prefix
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for this door."""
        path, root = scope["path"], scope.get("root_path", "")
        below = path[len(root) :] if path.startswith(root) else path
        if scope["type"] != "http" or not (below == self.prefix or below.startswith(f"{self.prefix}/")):
            return Match.NONE, {}
        return Match.FULL, {"app_root_path": scope.get("app_root_path", root), "root_path": root + self.prefix}

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """A door names no routes."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the door."""
        await self.app(scope, receive, send)


def create_app(settings: Settings) -> Starlette:
    """Beamcat as an ASGI application. `settings.database.url` must name a database that runs."""
    metrics = Metrics()
    opened = Opened(CallRecorder(settings.calls, metrics))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with _opened(settings, opened, metrics):
            yield

    status = Status(metrics, opened.reasons, opened.sessions, opened.backlog)
    app = Starlette(
        routes=[
            Below("/icat", IcatRest(lambda: opened.core)),
            Below("/ICATService/ICAT", IcatSoap(lambda: opened.core)),
            Below("/ids", Ids(lambda: opened.core)),
            Below("/uploads", UploadsDoor(lambda: opened.core)),
            Below("/data", Data(lambda: opened.core)),
            Below("/topcat", TopCat(lambda: opened.core)),
            Below("/api", Api(lambda: opened.core)),
            Below("/mcp", Mcp(lambda: opened.core)),
            *(
                Below(f"/authn.{mnemonic}", Authn(lambda: opened.core))
                for mnemonic, chosen in settings.authenticator.items()
                if chosen.expose
            ),
            Route("/robots.txt", Robots(settings.protection).page),
            Route("/healthz", status.alive),
            Route("/readyz", status.ready),
            Route("/metrics", status.metrics),
            *_portal(settings, lambda: opened.core),
            Route("/", status.welcome),
        ],
        middleware=[
            Middleware(
                Observed,
                metrics=metrics,
                tracer=lambda: opened.tracing.tracer if opened.tracing else None,
                trusted_proxies=settings.server.trusted_proxies,
                note=opened.calls.note,
            )
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _portal(settings: Settings, core: Callable[[], Core | None]) -> list[BaseRoute]:
    """The pages, which have every path that no door has; nothing of them is loaded where they are switched off."""
    if not settings.portal.enabled:
        return []
    from beamcat.portal.door import Portal

    return [Below("", Portal(settings, core))]


@contextlib.asynccontextmanager
async def _opened(settings: Settings, opened: Opened, metrics: Metrics) -> AsyncIterator[None]:
    if settings.database.url is None:
        raise ValueError("database.url is not set: `beamcat serve` sets it to the embedded database")
    watch = Watch(settings.logging.slow_query_ms, metrics.slow_query)
    opened.tracing = open_tracing(settings.logging, __version__)
    tried = asyncio.Event()
    opened.tasks = [asyncio.create_task(_open_database(settings, opened, metrics, watch, tried))]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_AFTER_S):
                await tried.wait()
        yield
    finally:
        for task in opened.tasks:
            task.cancel()
        await asyncio.gather(*opened.tasks, return_exceptions=True)
        await watch.close()
        await opened.calls.close()
        if opened.core is not None:
            await opened.core.sessions.close()
            await opened.core.deliveries.close()
            await opened.core.protection.close()
            await opened.core.viewer.close()
            await opened.core.data.close()
            opened.core.uploads.close()
            if opened.core.two_levels is not None:
                opened.core.two_levels.close()
            if opened.core.requests.targets is not None:
                opened.core.requests.targets.close()
            if opened.core.alike is not None and opened.core.alike.meanings is not None:
                await opened.core.alike.meanings.close()
            if opened.core.search is not None:
                await opened.core.search.engine.close()
        if opened.database is not None:
            await opened.database.close()
        if opened.tracing is not None:
            await asyncio.to_thread(opened.tracing.close)


async def _open_database(
    settings: Settings, opened: Opened, metrics: Metrics, watch: Watch, tried: asyncio.Event
) -> None:
    """Open the core, trying for as long as it takes. `tried` is set after the first try."""
    url = settings.database.url
    assert url is not None
    try:
        while opened.core is None:
            database = Database(url.get_secret_value(), settings.database)
            try:
                await database.open()
                core = _core(settings, database, watch, metrics)
                await core.protection.start()
            except Exception as error:
                if isinstance(error, BeamcatError):
                    opened.problem = error.message
                    logger().error("the server cannot be opened yet", error=error.message)
                else:
                    opened.problem = "the server cannot be opened; its log says why"
                    logger().exception("the server cannot be opened yet")
                await database.close()
                tried.set()
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                opened.database = database
                opened.calls.start(database)
                opened.core = core
                core.deliveries.start()
                for sign_in in core.sessions.sign_ins.values():
                    sign_in.authenticator.description()  # those of other servers are asked for theirs now
                opened.tasks += [asyncio.create_task(task) for task in tending(core, metrics)]
    finally:
        tried.set()


def _core(settings: Settings, database: Database, watch: Watch, metrics: Metrics) -> Core:
    sign_ins = build_authenticators(settings, database)
    protection = LoginProtection(database, settings.login_protection, lambda: datetime.now(UTC))
    rulebooks = Rulebooks(database, settings.catalogue)
    searches = Searches(database, rulebooks, settings.catalogue, watch)
    summaries = Summaries(database, rulebooks, settings.catalogue, watch)
    catalogue = Catalogue(database, rulebooks, settings)
    store = open_store(settings, database, rulebooks, catalogue)
    search = _search(settings, database, rulebooks)
    folders = Folders(database, rulebooks)
    requests = download_requests(settings, database, rulebooks, store.data, sources=store.sources, places=store.places)
    tools = Tools(searches, search, store.data)
    return Core(
        settings=settings,
        sessions=Sessions(database, settings.catalogue, sign_ins, protection),
        rulebooks=rulebooks,
        searches=searches,
        summaries=summaries,
        figures=FigureBook(searches, summaries),
        catalogue=catalogue,
        dumps=Dumps(database, rulebooks, searches, catalogue, settings),
        data=store.data,
        uploads=store.uploads,
        removal=store.removal,
        requests=requests,
        digests=store.digests,
        folders=folders,
        viewer=Viewer(settings.viewing, store.storage, store.data, folders),
        thumbnails=Thumbnails(database, rulebooks),
        permalinks=store.permalinks,
        metalinks=store.metalinks,
        two_levels=store.two_levels,
        protection=Protection(settings, database, metrics),
        preferences=Preferences(database),
        sharing=Sharing(
            database,
            Shares(database, timedelta(days=settings.portal.share_days)),
            rulebooks,
            searches,
            store.data,
            catalogued=requests.catalogued,
            contents=requests.contents,
        ),
        histories=Histories(database, searches),
        own_tokens=OwnTokens(database, settings.tokens),
        announcements=Announcements(database),
        tools=tools,
        assistant=None if settings.assistant.url is None else Assistant(settings.assistant, tools),
        database=database,
        deliveries=Deliveries(database, metrics, keep_days=settings.ids.deliveries_keep_days),
        search=search,
        alike=None if search is None else _alike(settings, database, rulebooks, search),
        population=None if search is None else Population(database, search.engine),
        saved=None if search is None else open_saved(settings, database, rulebooks, search),
    )


def _search(settings: Settings, database: Database, rulebooks: Rulebooks) -> Search | None:
    """None when there is to be none, or the engine cannot be opened: everything else works without it."""
    if settings.search.engine == "none":
        return None
    try:
        return open_search(settings, database, rulebooks, open_engine(settings))
    except Exception:
        logger().exception("search cannot be opened; everything else works without it")
        return None


def _alike(settings: Settings, database: Database, rulebooks: Rulebooks, search: Search) -> Alike:
    meanings = open_meanings(settings, database, rulebooks)
    relating = Relating(database, rulebooks, search.engine, meanings)
    return Alike(search, relating, meanings, settings.search.timeout_s)


async def schema_version(database: Database) -> str:
    """The version of the schema the database has now. Raises `Unavailable` when it is away, or holds no catalogue."""
    try:
        async with database.connection() as connection:
            row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        raise Unavailable("the database holds no catalogue; run `beamcat init`")
    return str(row[0])
