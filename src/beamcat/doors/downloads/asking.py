"""One call of the download interface: its parameters, and who asks."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from beamcat.access.sign_in import SignIn
from beamcat.doors.core import Core, bearer
from beamcat.doors.downloads.parameters import Parameters, number
from beamcat.errors import Forbidden, SessionError
from beamcat.store.requests.items import Owner, owner_of
from beamcat.store.requests.opening import DownloadRequests


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its parameters, and the core that it goes to."""

    http: Request
    core: Core
    parameters: Parameters

    @property
    def requests(self) -> DownloadRequests:
        """Carts and downloads."""
        return self.core.requests

    @property
    def session_id(self) -> str | None:
        """The session or token that the request comes with."""
        return self.parameters.get("sessionId") or bearer(self.http.headers.get("authorization"))

    async def owner(self) -> Owner:
        """Who asks, as the owner of carts and downloads; `SessionError` without a session that lives."""
        identifier = self.session_id
        caller = await self.core.caller(identifier)
        assert identifier is not None
        sign_in = self._sign_in((await self.core.sessions.find(identifier)).plugin)
        anonymous = sign_in is not None and sign_in.authenticator.shares_session
        return owner_of(caller, identifier, anonymous=anonymous)

    async def facility(self) -> str:
        """The facility that the request names, or the only one."""
        named = self.http.path_params.get("facility") or self.parameters.get("facilityName")
        return await self.requests.facility(named)

    async def is_admin(self) -> bool:
        """Whether an administrator asks; False without a session that lives."""
        try:
            caller = await self.core.caller(self.session_id)
        except SessionError:
            return False
        return caller.root or caller.name in self.requests.settings.admin_users

    async def require_admin(self) -> None:
        """Raise `SessionError` without a session, and `Forbidden` for one of somebody else."""
        await self.core.caller(self.session_id)
        if not await self.is_admin():
            raise Forbidden("only administrators of downloads may do this")

    def path_id(self) -> int:
        """The id in the path."""
        return number(self.http.path_params["id"], "the id")

    def ids_url(self) -> str:
        """Where the data service is, without a path."""
        public = self.core.settings.server.public_url
        return public.rstrip("/") if public else f"{self.http.url.scheme}://{self.http.url.netloc}"

    def _sign_in(self, plugin: str) -> SignIn | None:
        return self.core.sessions.sign_ins.get(plugin)
