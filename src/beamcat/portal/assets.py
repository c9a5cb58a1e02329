"""Files that pages load: style sheets, scripts, fonts, icons.

Each address holds a digest of the content, so that browsers keep it for ever and never show an old one.
"""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from beamcat.errors import NoSuchObject

FOLDER = Path(__file__).parent / "static"
ADDRESS = "/static"
TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".wasm": "application/wasm"}
_URL = re.compile(r"""url\("(?!data:)([^"]+)"\)""")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    media_type: str
    digest: str


class Assets:
    """The files of the portal, and those of the facility under `facility/`."""

    def __init__(self, *, stylesheet: Path | None = None, logo: Path | None = None) -> None:
        self.own: dict[str, Path] = {}
        if stylesheet is not None:
            self.own["facility/facility.css"] = stylesheet
        if logo is not None:
            self.own[f"facility/logo{logo.suffix}"] = logo
        self.logo = None if logo is None else f"facility/logo{logo.suffix}"
        self.stylesheet = None if stylesheet is None else "facility/facility.css"
        self._read = lru_cache(maxsize=200)(self._read_file)

    def url(self, name: str) -> str:
        """The address of a file such as `beamcat.css`."""
        return f"{ADDRESS}/{self._read(name).digest}/{name}"

    async def send(self, request: Request) -> Response:
        """GET /static/{digest}/{name}: the file. With another digest it is sent as well, but not kept."""
        asset = self._read(request.path_params["name"])
        fresh = request.path_params["digest"] == asset.digest
        kept = "public, max-age=31536000, immutable" if fresh else "no-cache"
        headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff", "ETag": f'"{asset.digest}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    def _read_file(self, name: str) -> Asset:
        path = self.own.get(name, FOLDER / name)
        inside = name in self.own or path.resolve().is_relative_to(FOLDER.resolve())
        if not inside or not path.is_file():
            raise NoSuchObject("There is no such file")
        content = path.read_bytes()
        if path.suffix == ".css":
            content = _URL.sub(lambda found: f'url("{self.url(found[1])}")', content.decode()).encode()
        media_type = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Asset(content, media_type, sha256(content).hexdigest()[:12])
