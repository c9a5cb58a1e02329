"""Giving up the parts of uploads that a process has left in a bucket when it was killed: they take room, unseen.

obstore has no call for it, so these requests are signed here (AWS Signature Version 4).
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import httpx
from lxml import etree

from beamcat.config import S3StorageSettings
from beamcat.errors import Unavailable

AWS = "https://s3.{region}.amazonaws.com"
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload that was begun and not ended."""

    key: str
    upload: str


class UnfinishedUploads:
    """The uploads of one bucket. With credentials of the machine nothing can be signed here, and none are given up."""

    def __init__(self, settings: S3StorageSettings) -> None:
        base = settings.endpoint or AWS.format(region=settings.region)
        self._base = base.rstrip("/") if settings.virtual_hosted else f"{base.rstrip('/')}/{settings.bucket}"
        self._settings = settings

    async def give_up(self, prefix: str) -> int:
        """Give up all below a prefix; how many. `prefix` is of keys, as the bucket has them."""
        settings = self._settings
        if settings.access_key_id is None:
            return 0
        verify = ssl.create_default_context(cafile=settings.ca_file)
        given_up = 0
        async with httpx.AsyncClient(timeout=settings.timeout_s, verify=verify, trust_env=False) as http:
            while found := await self._list(http, prefix):
                for each in found:
                    answer = await self._ask(http, "DELETE", f"/{_quoted(each.key)}", {"uploadId": each.upload})
                    if answer.status_code not in {204, 404}:
                        raise Unavailable(f"the object store keeps an upload: HTTP {answer.status_code}")
                given_up += len(found)
        return given_up

    async def _list(self, http: httpx.AsyncClient, prefix: str) -> list[Unfinished]:
        answer = await self._ask(http, "GET", "", {"prefix": prefix, "uploads": ""})
        if answer.status_code != 200:
            raise Unavailable(f"the object store does not list uploads: HTTP {answer.status_code}")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(answer.content, parser)
        return [
            Unfinished(upload.findtext("{*}Key") or "", upload.findtext("{*}UploadId") or "")
            for upload in root.iterfind("{*}Upload")
            if (upload.findtext("{*}Key") or "").startswith(prefix)
        ]

    async def _ask(self, http: httpx.AsyncClient, method: str, path: str, query: dict[str, str]) -> httpx.Response:
        asked = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(query.items()))
        url = f"{self._base}{path}?{asked}"
        try:
            return await http.request(method, url, headers=self._signed(method, url, datetime.now(UTC)))
        except httpx.HTTPError as error:
            raise Unavailable(f"the object store does not answer: {type(error).__name__}") from error

    def _signed(self, method: str, url: str, now: datetime) -> dict[str, str]:
        """The headers with the signature of a request without a body."""
        secret = self._settings.secret_access_key
        assert secret is not None
        parts = urlsplit(url)
        moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        headers = {"host": parts.netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": moment}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"{method}\n{parts.path or '/'}\n{parts.query}\n{lines}\n{names}\n{EMPTY}"
        scope = f"{day}/{self._settings.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{secret.get_secret_value()}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{self._settings.access_key_id}/{scope}"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
        return headers


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _quoted(key: str) -> str:
    return quote(key, safe="/-_.~")
