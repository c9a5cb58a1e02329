"""Programs of the facility, run without a shell, with a time limit, and with what they say on record."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

import structlog

from beamcat.errors import Unavailable

log = structlog.get_logger(__name__)

MOST_OUTPUT = 16 << 20
"""Bytes a program may write to its output."""
KEPT_COMPLAINT = 4096
"""Bytes of its standard error that are kept: the last ones."""
GRACE_S = 10.0
"""Between SIGTERM and SIGKILL for one that took too long."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables of ours that programs see; the others may hold secrets."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended. `complaint` is the end of what it wrote to its standard error."""

    code: int
    output: str
    complaint: str


async def run(command: Sequence[str], environment: Mapping[str, str], timeout_s: float, given: bytes = b"") -> Ended:
    """Run a program to its end. Raises `Unavailable` when it cannot be started, takes too long or says too much.

    Its standard input is what is `given`.

    It is ended, with all processes it has started, when the call is cancelled.
    """
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # files, since a pipe ends only when everything the program has left running has closed it
    with TemporaryFile() as told, TemporaryFile() as output, TemporaryFile() as complaint:
        told.write(given)
        told.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=told,
                stdout=output,
                stderr=complaint,
                env={**passed_on, **environment},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Unavailable(f"{command[0]} cannot be started: {error}") from error
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            raise Unavailable(f"{command[0]} took longer than {timeout_s:g} seconds and was stopped") from None
        finally:
            await _end(process)
        complaint.seek(max(0, complaint.seek(0, os.SEEK_END) - KEPT_COMPLAINT))
        complained = complaint.read().decode(errors="replace").strip()
        if complained or code:
            log.warning("storage command complained", command=list(command), code=code, stderr=complained)
        if output.seek(0, os.SEEK_END) > MOST_OUTPUT:
            raise Unavailable(f"{command[0]} wrote more than {MOST_OUTPUT} bytes to its output")
        output.seek(0)
        return Ended(code, output.read().decode(errors="replace"), complained)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what is left of the program: it is the leader of a group of its own."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        log.warning("storage command ignored SIGTERM", pid=process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
