"""The REST interface of FTS3, as far as it is needed (data service specification, F.3).

Jobs get ids that follow from a text of ours (`id_generator: deterministic`), so that a job which was submitted by a
process that died before it could note the answer is found again instead of being submitted twice.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from beamcat.config import FtsTargetSettings
from beamcat.errors import BeamcatError, ErrorKind, Unavailable
from beamcat.store.targets.fts_delegation import Delegator, is_good

BASE = UUID("01874efb-4735-4595-bc9c-591aef8240c9")
"""What FTS derives ids from, where it does not say so itself."""
LOOK_AGAIN_S = 600.0
"""How often it is looked whether FTS has a proxy."""
LONGEST_TOLD = 300
"""Characters of an error of FTS that are told."""


class FtsRefuses(BeamcatError):
    """FTS does not take a job, and will not later."""

    kind = ErrorKind.VALIDATION


class FtsRest:
    """Speaks to one FTS. Tokens and keys are in no message and no log."""

    def __init__(self, settings: FtsTargetSettings) -> None:
        self._url = settings.url
        self._timeout_s = settings.timeout_s
        self._token = settings.token
        certificate = settings.client_certificate
        self._delegator = None if certificate is None else Delegator(certificate, settings.client_key)
        self._good_until = 0.0
        try:
            self._context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.client_certificate is not None:
                self._context.load_cert_chain(settings.client_certificate, settings.client_key)
        except (OSError, ssl.SSLError) as error:
            raise Unavailable(f"the certificates for {settings.url} cannot be read: {error}") from error

    async def submit(self, job: Mapping[str, Any], key: str) -> str:
        """Submit a job; its id. Submitted again under the same key it is the same job."""
        await self._delegate()
        params = {**job["params"], "id_generator": "deterministic", "sid": key}
        answer = await self._ask("POST", "/jobs", json={**job, "params": params})
        if answer.status_code == httpx.codes.CONFLICT:
            return str(uuid5(await self._vo(), key))
        identifier = _read(answer).get("job_id")
        if not isinstance(identifier, str):
            raise Unavailable("FTS has taken a job, but does not say which")
        return identifier

    async def jobs(self, ids: Sequence[str], fields: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """What there is to say of jobs, with these fields of their files; those that FTS does not know are left out."""
        query = {"files": ",".join(fields)} if fields else None
        answer = await self._ask("GET", f"/jobs/{','.join(ids)}", params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        told = _read(answer, list)
        jobs = told if isinstance(told, list) else [told]
        return {job["job_id"]: job for job in jobs if isinstance(job, dict) and "job_state" in job}

    async def files(self, job: str) -> list[dict[str, Any]]:
        """The files of a job."""
        answer = await self._ask("GET", f"/jobs/{job}/files")
        found: list[dict[str, Any]] = _read(answer, list)
        return found

    async def cancel(self, ids: Sequence[str]) -> None:
        """Cancel jobs; those that have ended stay as they are."""
        if ids:
            answer = await self._ask("DELETE", f"/jobs/{','.join(ids)}")
            if answer.status_code != httpx.codes.NOT_FOUND:
                _read(answer, list)

    async def _delegate(self) -> None:
        """See to it that FTS has a proxy of our certificate that is good for a while."""
        if self._delegator is None or time.monotonic() < self._good_until:
            return
        identifier = _read(await self._ask("GET", "/whoami")).get("delegation_id")
        known = await self._ask("GET", f"/delegation/{identifier}")
        about = known.json() if known.is_success else None
        now = datetime.now(UTC)
        if not is_good(about.get("termination_time") if isinstance(about, dict) else None, now):
            asked = await self._ask("GET", f"/delegation/{identifier}/request")
            if not asked.is_success:
                raise Unavailable(f"FTS does not let itself be delegated to: HTTP {asked.status_code}")
            proxy = await asyncio.to_thread(self._delegator.proxy, asked.text, now)
            answer = await self._ask("PUT", f"/delegation/{identifier}/credential", content=proxy)
            if not answer.is_success:
                raise Unavailable(f"FTS does not take the proxy: HTTP {answer.status_code}")
        self._good_until = time.monotonic() + LOOK_AGAIN_S

    async def _vo(self) -> UUID:
        """What the ids of our jobs are derived from."""
        known = _read(await self._ask("GET", "/whoami"))
        if known.get("vos_id"):
            return UUID(known["vos_id"][0])
        if not known.get("vos"):
            raise Unavailable("FTS does not say which VO Beamcat belongs to")
        return uuid5(UUID(known.get("base_id", str(BASE))), known["vos"][0])

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            async with httpx.AsyncClient(verify=self._context, timeout=self._timeout_s, trust_env=False) as http:
                return await http.request(method, f"{self._url}{path}", headers=headers, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"FTS at {self._url} does not answer: {type(error).__name__}") from error


def _read(answer: httpx.Response, also: type = dict) -> Any:
    """The JSON of an answer. Raises `Unavailable` for what may pass, and `FtsRefuses`."""
    if answer.is_success:
        try:
            told = answer.json()
        except ValueError as error:
            raise Unavailable("FTS answers with what is no JSON") from error
        if not isinstance(told, dict | also):
            raise Unavailable("FTS answers with something else than expected")
        return told
    passes = answer.status_code >= 500 or answer.status_code in {401, 403, 408, 419, 429}
    raise (Unavailable if passes else FtsRefuses)(f"FTS answers {answer.status_code}: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return answer.reason_phrase
    message = told.get("message") if isinstance(told, dict) else None
    return str(message or answer.reason_phrase)[:LONGEST_TOLD]
