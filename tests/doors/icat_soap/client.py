"""A client of the SOAP door that says what it sends, and an application to call in this process."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import httpx
from lxml import etree
from pydantic import SecretStr

from beamcat.app import create_app
from beamcat.config import AuthenticatorSettings, Settings

PATH = "/ICATService/ICAT"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVER = {"max_request_bytes": 2**20, "max_xml_elements": 5000, "request_timeout_s": 20}


class Fault(Exception):
    """What the door answered with status 500."""

    def __init__(self, message: str, offset: int, kind: str, code: str) -> None:
        super().__init__(message)
        self.message, self.offset, self.kind, self.code = message, offset, kind, code


class Icat:
    """A client of the door, signed in as `simple/root` unless told otherwise."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.session = ""

    async def post(self, body: str | bytes, **headers: str) -> httpx.Response:
        return await self.http.post(PATH, content=body, headers={"content-type": "text/xml; charset=utf-8", **headers})

    async def call(self, operation: str, parameters: str = "", *, session: bool = True) -> list[Any]:
        """The `return` elements of the answer; `Fault` for a fault."""
        asking = f"<sessionId>{self.session}</sessionId>{parameters}" if session else parameters
        return returned(await self.post(enveloped(f"<ns1:{operation}>{asking}</ns1:{operation}>")))

    async def login(self, name: str, password: str = "pw") -> str:
        entries = "".join(
            f"<entry><key>{key}</key><value>{value}</value></entry>"
            for key, value in (("username", name), ("password", password))
        )
        parameters = f"<plugin>simple</plugin><credentials>{entries}</credentials>"
        (found,) = await self.call("login", parameters, session=False)
        self.session = found.text
        return self.session

    async def create(self, bean: str) -> int:
        (found,) = await self.call("create", bean)
        return int(found.text)

    async def search(self, query: str) -> list[Any]:
        return await self.call("search", f"<query>{escape(query)}</query>")


def enveloped(content: str, before: str = "") -> str:
    return (
        f'{before}<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:ns1="http://icatproject.org"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<SOAP-ENV:Header/><SOAP-ENV:Body>{content}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )


def bean(type_name: str, content: str, tag: str = "bean") -> str:
    return f'<{tag} xsi:type="ns1:{type_name}">{content}</{tag}>'


def returned(response: httpx.Response) -> list[Any]:
    assert response.headers["content-type"] == "text/xml;charset=utf-8"
    root = etree.fromstring(response.content)
    fault = root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    if fault is None:
        assert response.status_code == 200
        return root.findall(f"{{{SOAP}}}Body/*/return")
    assert response.status_code == 500
    detail = fault.find("detail/{http://icatproject.org}IcatException")
    assert detail is not None
    message, offset, kind = (detail.findtext(name) for name in ("message", "offset", "type"))
    assert message == fault.findtext("faultstring")
    raise Fault(str(message), int(str(offset)), str(kind), str(fault.findtext("faultcode")))


def settings_for(database_url: str, **server: Any) -> Settings:
    return Settings(
        database={"url": SecretStr(database_url)},
        catalogue={"root_user_names": ("simple/root",), "max_objects_per_write": 1000},
        authenticator={
            "simple": AuthenticatorSettings(kind="simple", users={"root": SecretStr("pw"), "ann": SecretStr("pw")}),
            "anon": AuthenticatorSettings(kind="anon", friendly="Just <look>", admin=True),
        },
        server={**SERVER, **server},
        search={"engine": "none"},
    )


class Opened:
    """An application with its lifespan, closed at the end of the test."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        self._life = self._app.router.lifespan_context(self._app)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False), base_url="http://beamcat", timeout=60
        )

    async def __aenter__(self) -> Icat:
        await self._life.__aenter__()
        return Icat(self._http)

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._life.__aexit__(None, None, None)
