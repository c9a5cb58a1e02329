"""The connection to the cluster, and what its answers mean."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import (
    AuthenticationException,
    AuthorizationException,
    ConnectionError,
    ConnectionTimeout,
    NotFoundError,
    OpenSearchException,
    TransportError,
)

from beamcat.config import OpenSearchSettings
from beamcat.errors import InternalError, TimedOut, Unavailable

_MEBIBYTE = 1 << 20
_TOLD = 3
_BUSY = {429, 503}
_PAUSE_S = 0.5


def connected(settings: OpenSearchSettings) -> AsyncOpenSearch:
    """A client of the cluster, which connects when it is used."""
    # it would log requests with what they hold
    logging.getLogger("opensearch").setLevel(logging.ERROR)
    secure = any(url.startswith("https://") for url in settings.urls)
    options: dict[str, Any] = {}
    if secure:
        options["ssl_context"] = ssl.create_default_context(
            cafile=None if settings.ca_file is None else str(settings.ca_file)
        )
    if settings.token is not None:
        options["headers"] = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
    elif settings.user is not None and settings.password is not None:
        options["http_auth"] = (settings.user, settings.password.get_secret_value())
    return AsyncOpenSearch(list(settings.urls), max_retries=len(settings.urls), http_compress=secure, **options)


@asynccontextmanager
async def told(what: str) -> AsyncIterator[None]:
    """Errors of the cluster as ours; `what` was wanted of it."""
    try:
        yield
    except ConnectionTimeout as error:
        raise TimedOut(f"the search cluster took too long: {what}") from error
    except ConnectionError as error:
        raise Unavailable("the search cluster does not answer; try again later") from error
    except (AuthenticationException, AuthorizationException) as error:
        raise Unavailable("the search cluster refuses Beamcat's account; look at search.opensearch") from error
    except NotFoundError as error:
        raise Unavailable("there is no index to search yet; it has to be built first") from error
    except TransportError as error:
        if error.status_code in _BUSY:
            raise Unavailable("the search cluster has too much to do; try again later") from error
        raise InternalError(f"the search cluster refused this: {what}: {error.error}") from error
    except OpenSearchException as error:
        raise InternalError(f"the search cluster answered in a way that is not understood: {what}") from error


class Bulk:
    """Writes documents, some mebibytes at a time. What the cluster does not take is an error, and told."""

    def __init__(self, client: AsyncOpenSearch, settings: OpenSearchSettings) -> None:
        self._client, self._settings = client, settings

    async def index(self, index: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Add documents, or replace those of the same id."""
        lines = (b'{"index":{"_id":"%d"}}\n%s\n' % (columns["id"], orjson.dumps(columns)) for columns in documents)
        await self._send(index, list(lines))

    async def delete(self, index: str, ids: Sequence[int]) -> None:
        """Remove documents; those that are not there are no error."""
        await self._send(index, [b'{"delete":{"_id":"%d"}}\n' % id_ for id_ in ids])

    async def _send(self, index: str, actions: Sequence[bytes]) -> None:
        gathered: list[bytes] = []
        size = 0
        for action in actions:
            if gathered and size + len(action) > self._settings.bulk_mebibytes * _MEBIBYTE:
                await self._send_once(index, gathered)
                gathered, size = [], 0
            gathered.append(action)
            size += len(action)
        if gathered:
            await self._send_once(index, gathered)

    async def _send_once(self, index: str, actions: Sequence[bytes]) -> None:
        until = monotonic() + self._settings.retry_s
        while actions:
            async with told("writing documents"):
                answer = await self._client.bulk(
                    body=b"".join(actions).decode(),
                    index=index,
                    params={
                        "request_timeout": self._settings.write_timeout_s,
                        "filter_path": "errors,items.*.status,items.*.error.type,items.*.error.reason",
                    },
                )
            if not answer["errors"]:
                return
            outcomes = [next(iter(item.values())) for item in answer["items"]]
            refused = [each for each in outcomes if "error" in each and each["status"] not in _BUSY]
            if refused:
                reasons = "; ".join(f"{each['error']['type']}: {each['error']['reason']}" for each in refused[:_TOLD])
                raise InternalError(f"the search cluster refused {len(refused)} document(s) of {index}: {reasons}")
            actions = [action for action, each in zip(actions, outcomes, strict=True) if each["status"] in _BUSY]
            if actions and monotonic() > until:
                raise Unavailable(f"the search cluster has no room for {len(actions)} document(s); try again later")
            await asyncio.sleep(_PAUSE_S)
