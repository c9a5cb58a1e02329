"""Data that a File Transfer Service copies to a storage of the user's choice (data service specification, F)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from beamcat.config import FtsDestinationSettings, FtsTargetSettings
from beamcat.errors import BadParameter
from beamcat.observability.logs import logger
from beamcat.store.targets.contract import (
    Access,
    Action,
    Batch,
    Begun,
    Failure,
    Finished,
    Order,
    Person,
    Planned,
    Progress,
    Refusal,
    SourceFile,
    State,
)
from beamcat.store.targets.fts_rest import FtsRest
from beamcat.store.targets.fts_states import CANCELED, FAILED, FINISHED, LAST, UNKNOWN, roll_up

NOTHING = "nothing"
"""The ticket of a batch without files."""
CANCELED_AT_ONCE = 50


class FtsTarget:
    """A `Target` that FTS copies to. A batch is a job, and its ticket the id of the job."""

    def __init__(self, name: str, settings: FtsTargetSettings) -> None:
        self._name = name
        self._settings = settings
        self._fts = FtsRest(settings)

    @property
    def batch_files(self) -> int:
        """Most files of a job."""
        return self._settings.batch_files

    def close(self) -> None:
        """Nothing is held."""

    async def check(self, order: Order) -> Refusal | None:
        """Whether the user may choose the destination."""
        try:
            self._destination(order)
        except BadParameter as error:
            return Refusal(error.message)
        return None

    async def plan(self, order: Order, files: Sequence[SourceFile]) -> Sequence[Planned]:
        """FTS copies all of them, and replaces what is there."""
        return [Planned(file, Action.FTS) for file in files]

    async def begin(self, batch: Batch) -> str:
        """Submit a job."""
        files = [planned.file for planned in await batch.files()]
        if not files:
            return NOTHING
        key = f"beamcat-{batch.order.key}-{batch.number}-{batch.round}"
        job = await self._fts.submit(self._job(batch.order, files), key)
        logger().info("a job was submitted to FTS", download=batch.order.id, job=job, files=len(files))
        return job

    async def poll(self, begun: Sequence[Begun]) -> Sequence[Progress]:
        """Ask for many jobs at once; for the files one by one only of jobs with failed ones."""
        jobs: dict[str, dict[str, Any]] = {}
        ids = [each.ticket for each in begun if each.ticket != NOTHING]
        for first in range(0, len(ids), self._settings.polled_at_once):
            some = ids[first : first + self._settings.polled_at_once]
            jobs |= await self._fts.jobs(some, ("file_state", "filesize"))
        together = roll_up(jobs[job]["job_state"] if job in jobs else UNKNOWN for job in ids)
        return [await self._progress(each, jobs.get(each.ticket), together) for each in begun]

    async def cancel(self, order: Order, tickets: Sequence[str]) -> None:
        """Cancel jobs."""
        jobs = [ticket for ticket in tickets if ticket != NOTHING]
        for first in range(0, len(jobs), CANCELED_AT_ONCE):
            await self._fts.cancel(jobs[first : first + CANCELED_AT_ONCE])

    async def publish(self, finished: Finished) -> Access:
        """Where the files are. They are the user's now, and stay."""
        return Access(endpoint=self._base(finished.order))

    async def expire(self, order: Order, tickets: Sequence[str]) -> int:
        """What is at the destination is the user's."""
        return 0

    async def _progress(self, begun: Begun, job: Mapping[str, Any] | None, together: str) -> Progress:
        if begun.ticket == NOTHING:
            return Progress(State.DONE, 0, 0)
        if job is None:
            return Progress(State.FAILED, 0, 0, detail="FTS does not know the job any more")
        state = job["job_state"]
        files = list(job.get("files") or ())
        finished = [file for file in files if file.get("file_state") == FINISHED]
        moved = sum(int(file.get("filesize") or 0) for file in finished)
        if state not in LAST:
            return Progress(State.WORKING, len(finished), moved, detail=together)
        if state == FINISHED:
            return Progress(State.DONE, len(finished), moved)
        known = {planned.file.id for planned in await begun.batch.files()}
        failed = tuple(
            failure for file in await self._fts.files(begun.ticket) if (failure := _failure(file, state)) is not None
        )
        failed = tuple(failure for failure in failed if failure.datafile in known)
        if not failed and state in {FAILED, CANCELED}:
            reason = str(job.get("reason") or f"the job is {state}")
            failed = tuple(Failure(identifier, reason, state == CANCELED) for identifier in sorted(known))
        ended = State.CANCELED if state == CANCELED else State.DONE
        return Progress(ended, len(finished), moved, failed, detail=f"FTS: {state}")

    def _job(self, order: Order, files: Sequence[SourceFile]) -> dict[str, Any]:
        settings, destination = self._settings, self._destination(order)
        base = self._base(order)
        verified = all(file.adler32 is not None for file in files)
        params: dict[str, Any] = {
            "verify_checksum": settings.verify_checksum if verified else "none",
            "overwrite": settings.overwrite,
            "retry": settings.retry,
            "priority": settings.priority,
            "strict_copy": settings.strict_copy,
            "job_metadata": {"beamcat": order.id},
        }
        return {"files": [self._file(file, base, destination) for file in files], "params": params}

    def _file(self, file: SourceFile, base: str, destination: FtsDestinationSettings) -> dict[str, Any]:
        told: dict[str, Any] = {
            "sources": [self._source(file)],
            "destinations": [f"{base}/{quote(file.name)}"],
            "filesize": file.size,
            "metadata": {"datafile": file.id},
            "activity": self._settings.activity,
        }
        if file.adler32 is not None:
            told["checksum"] = f"ADLER32:{file.adler32:08x}"
        if self._settings.source_token is not None and destination.token is not None:
            told["source_tokens"] = [self._settings.source_token.get_secret_value()]
            told["destination_tokens"] = [destination.token.get_secret_value()]
        return told

    def _source(self, file: SourceFile) -> str:
        if self._settings.source_url is None:
            return file.url
        return f"{self._settings.source_url.rstrip('/')}/{quote(file.location)}"

    def _base(self, order: Order) -> str:
        """The folder of a request at its destination."""
        user = _segment(order.person.name.rpartition("/")[2])
        url = self._destination(order).url.replace("${user}", user).rstrip("/")
        return f"{url}/{_segment(order.visit or 'several-visits')}/{order.id}"

    def _destination(self, order: Order) -> FtsDestinationSettings:
        """Where to. Raises `BadParameter` for a destination that the user may not choose, or has to."""
        allowed = {
            name: chosen for name, chosen in self._settings.destinations.items() if _may_choose(chosen, order.person)
        }
        if order.destination is not None:
            if order.destination not in allowed:
                raise BadParameter(f"you may not have data sent to {order.destination[:100]}; {_named(allowed)}")
            return allowed[order.destination]
        if len(allowed) != 1:
            raise BadParameter(f"destination is required; {_named(allowed)}")
        return next(iter(allowed.values()))


def _segment(name: str) -> str:
    """A name as one part of a path, which leads nowhere else."""
    return "_" if name in {"", ".", ".."} else quote(name.replace("/", "_"), safe="")


def _may_choose(destination: FtsDestinationSettings, person: Person) -> bool:
    if not destination.users and not destination.groupings:
        return True
    return person.name in destination.users or not person.groups.isdisjoint(destination.groupings)


def _named(allowed: Mapping[str, Any]) -> str:
    return f"there is {', '.join(allowed)}" if allowed else "there is none for you"


def _failure(file: Mapping[str, Any], job_state: str) -> Failure | None:
    """What became of a file that did not get there; None for one that did."""
    state = file.get("file_state")
    about = file.get("file_metadata")
    identifier = about.get("datafile") if isinstance(about, dict) else None
    if state == FINISHED or not isinstance(identifier, int):
        return None
    reason = re.sub(r"\s+", " ", str(file.get("reason") or f"it is {state}"))
    return Failure(identifier, reason, final=job_state == CANCELED)
