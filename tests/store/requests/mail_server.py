"""A real mail server that keeps what it gets."""

from __future__ import annotations

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class MailServer:
    """Its `answer` is what it says to each mail; only `250` keeps it."""

    answer: str = "250 taken"
    mails: list[EmailMessage] = field(default_factory=list)
    tries: int = 0

    def start(self, tls: ssl.SSLContext | None = None, password: str | None = None) -> int:
        """Listen; the port."""

        def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
            assert isinstance(given, LoginPassword)
            return AuthResult(success=given.password == (password or "").encode())

        more: dict[str, Any] = {}
        if tls is not None:
            more = {"tls_context": tls, "require_starttls": True}
        if password is not None:
            more |= {"authenticator": check, "auth_required": True}
        self._loop = asyncio.new_event_loop()
        listening = self._loop.create_server(lambda: SMTP(self, loop=self._loop, **more), "127.0.0.1", 0)
        self._listener = self._loop.run_until_complete(listening)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return int(self._listener.sockets[0].getsockname()[1])

    def stop(self) -> None:
        async def end() -> None:
            self._listener.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._loop.shutdown_default_executor()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.tries += 1
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer
