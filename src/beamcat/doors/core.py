"""What every door opens onto: the parts of the core, and what a client may be told of a problem."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.sessions import Sessions
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump.dumps import Dumps
from beamcat.catalogue.search import Searches
from beamcat.config import Settings
from beamcat.errors import BeamcatError, ErrorKind, InternalError
from beamcat.observability.logs import logger
from beamcat.observability.requests import name_user

VERSION = "6.2.0"
"""The ICAT version that clients are told of."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts, opened."""

    settings: Settings
    sessions: Sessions
    rulebooks: Rulebooks
    searches: Searches
    catalogue: Catalogue
    dumps: Dumps

    async def caller(self, session_id: str | None) -> Caller:
        """Who is asking; `SessionError` without a living session."""
        name = await self.sessions.caller_name(session_id)
        name_user(name)
        return await self.rulebooks.caller(name)


def as_told(problem: Exception, door: str) -> BeamcatError:
    """The problem as an error a client may be told. What nobody foresaw is written to the log, not to the client."""
    if isinstance(problem, BeamcatError) and problem.kind is not ErrorKind.INTERNAL:
        return problem
    logger().error("unforeseen fault", exc_info=problem, door=door)
    return problem if isinstance(problem, BeamcatError) else InternalError(str(problem))


def message_for_client(error: BeamcatError, request_id: str) -> str:
    """The text of the error. A fault of ours shows the request's id and nothing else."""
    if error.kind is ErrorKind.INTERNAL:
        return f"Something went wrong in the server. Request id: {request_id}"
    return error.message
