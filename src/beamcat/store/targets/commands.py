"""A target that a facility attaches by commands of its own: Globus, an analysis platform, or anything else.

Commands read one JSON object from their standard input and write one to their output. Exit codes are those of
sysexits.h where it has one: 0 done, 69 and 75 something is away, try again later. Any other is a failure, told with
what the command wrote to its standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beamcat.config import CommandTargetSettings
from beamcat.errors import BeamcatError, ErrorKind, Unavailable
from beamcat.store.storage.processes import run
from beamcat.store.targets.contract import (
    Access,
    Action,
    Batch,
    Begun,
    Failure,
    Finished,
    Order,
    Planned,
    Progress,
    Refusal,
    SourceFile,
    State,
)

PASSING = frozenset({69, 75})
"""Exit codes for what may work later: EX_UNAVAILABLE, EX_TEMPFAIL."""
TOLD_AT_ONCE = 1000
"""Tickets of one command."""


class CommandFailed(BeamcatError):
    """A command says that it cannot be done."""

    kind = ErrorKind.VALIDATION


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


Answer = TypeVar("Answer", bound=_Answer)


class _Checked(_Answer):
    ok: bool
    reason: str = ""
    later: bool = False


class _Begun(_Answer):
    ticket: str = Field(min_length=1, max_length=10_000)


class _Failed(_Answer):
    id: int
    reason: str = "it failed"
    final: bool = False


class _Progress(_Answer):
    state: State
    files_done: int = Field(0, alias="filesDone", ge=0)
    bytes_done: int = Field(0, alias="bytesDone", ge=0)
    failed: tuple[_Failed, ...] = ()
    eta_s: float | None = Field(None, alias="etaSeconds", ge=0)
    detail: str = ""


class _Polled(_Answer):
    batches: dict[str, _Progress]


class _Published(_Answer):
    url: str | None = None
    path: str | None = None
    endpoint: str | None = None
    token: str | None = None
    expires: datetime | None = None
    text: str | None = None


class _Expired(_Answer):
    bytes: int = Field(0, ge=0)


class CommandTarget:
    """A `Target` by commands."""

    def __init__(self, settings: CommandTargetSettings) -> None:
        self._settings = settings
        self._environment = {name: value.get_secret_value() for name, value in settings.environment.items()}

    @property
    def batch_files(self) -> int:
        """Most files of a batch."""
        return self._settings.batch_files

    def close(self) -> None:
        """Nothing is held."""

    async def check(self, order: Order) -> Refusal | None:
        """What the command `check` says."""
        if not self._settings.check:
            return None
        answer = await self._ask("check", _Checked, download=_order(order))
        return None if answer.ok else Refusal(answer.reason or "the target does not take it", answer.later)

    async def plan(self, order: Order, files: Sequence[SourceFile]) -> Sequence[Planned]:
        """Everything is brought there; the commands know better."""
        return [Planned(file, Action.COPY) for file in files]

    async def begin(self, batch: Batch) -> str:
        """The ticket that the command `begin` answers with."""
        files = [_file(planned.file) for planned in await batch.files()]
        about = {"number": batch.number, "round": batch.round}
        answer = await self._ask("begin", _Begun, download=_order(batch.order), batch=about, files=files)
        return answer.ticket

    async def poll(self, begun: Sequence[Begun]) -> Sequence[Progress]:
        """What the command `poll` says of each ticket; those of which it says nothing are under way."""
        told: dict[str, _Progress] = {}
        for first in range(0, len(begun), TOLD_AT_ONCE):
            some = begun[first : first + TOLD_AT_ONCE]
            order = _order(some[0].batch.order)
            answer = await self._ask("poll", _Polled, download=order, tickets=[each.ticket for each in some])
            told |= answer.batches
        return [_progress(told[each.ticket]) if each.ticket in told else _UNDER_WAY for each in begun]

    async def cancel(self, order: Order, tickets: Sequence[str]) -> None:
        """Run the command `cancel`."""
        if tickets:
            await self._ask("cancel", _Answer, download=_order(order), tickets=list(tickets))

    async def publish(self, finished: Finished) -> Access:
        """What the command `publish` answers."""
        tickets = list(finished.tickets)
        if not self._settings.publish:
            return Access(text=tickets[0] if tickets else None, expires=self._until(finished))
        about = {
            "filesDone": finished.files_done,
            "bytesDone": finished.bytes_done,
            "failed": [{"id": each.datafile, "reason": each.reason} for each in finished.failed],
            "failedCount": finished.failed_count,
            "expires": finished.expires.isoformat(),
        }
        answer = await self._ask("publish", _Published, download=_order(finished.order), tickets=tickets, **about)
        return Access(
            answer.url, answer.path, answer.endpoint, answer.token, answer.expires or self._until(finished), answer.text
        )

    async def expire(self, order: Order, tickets: Sequence[str]) -> int:
        """Run the command `expire`; the bytes that it says it has freed."""
        if not self._settings.expire or not tickets:
            return 0
        return (await self._ask("expire", _Expired, download=_order(order), tickets=list(tickets))).bytes

    def _until(self, finished: Finished) -> datetime | None:
        return finished.expires if self._settings.expire else None

    async def _ask(self, name: str, kind: type[Answer], **given: Any) -> Answer:
        """Run a command; what it answers. Raises `Unavailable` and `CommandFailed`."""
        command: tuple[str, ...] = getattr(self._settings, name)
        ended = await run(command, self._environment, self._settings.timeout_s, orjson.dumps(given))
        if ended.code:
            last = (
                ended.complaint.splitlines()[-1][:500] if ended.complaint else "it wrote nothing to its standard error"
            )
            passes = ended.code in PASSING or ended.code < 0
            raise (Unavailable if passes else CommandFailed)(f"the command {name} failed with {ended.code}: {last}")
        try:
            return kind.model_validate_json(ended.output.strip() or "{}")
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            where = ".".join(map(str, problem["loc"]))
            raise Unavailable(f"the command {name} does not answer as it should: {where}: {problem['msg']}") from error


_UNDER_WAY = Progress(State.WORKING, 0, 0)


def _progress(told: _Progress) -> Progress:
    failed = tuple(Failure(each.id, each.reason, each.final) for each in told.failed)
    return Progress(told.state, told.files_done, told.bytes_done, failed, told.eta_s, told.detail)


def _order(order: Order) -> Mapping[str, Any]:
    person = order.person
    return {
        "id": order.id,
        "facility": order.facility,
        "visit": order.visit,
        "title": order.title,
        "destination": order.destination,
        "files": order.files,
        "size": order.size,
        "user": {
            "name": person.name,
            "fullName": person.full_name,
            "email": person.email,
            "groups": sorted(person.groups),
        },
    }


def _file(file: SourceFile) -> Mapping[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "location": file.location,
        "path": None if file.path is None else str(file.path),
        "url": file.url,
        "size": file.size,
        "crc32": None if file.crc32 is None else f"{file.crc32:08x}",
        "adler32": None if file.adler32 is None else f"{file.adler32:08x}",
        "sha256": None if file.sha256 is None else file.sha256.hex(),
    }
