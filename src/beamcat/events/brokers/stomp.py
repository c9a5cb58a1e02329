"""Brokers over STOMP 1.2: ActiveMQ, Artemis, RabbitMQ with its plugin, and others.

Every message asks for a receipt. The frames are put into bytes and read by `stompman`; its client is not used, since it
reconnects on its own, drops the broker's reason for a refusal, and takes the host's name for the virtual host.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self, cast

from stompman import ConnectedFrame, ErrorFrame, ReceiptFrame
from stompman.frames import AnyClientFrame, AnyServerFrame, ConnectFrame, DisconnectFrame, SendFrame
from stompman.serde import FrameParser, dump_frame

from beamcat.config import NotificationSettings
from beamcat.errors import BeamcatError
from beamcat.events.brokers.broker import Address, BrokerRefused
from beamcat.events.messages import Message, Subject

HEART_BEAT_MS = 10_000
"""How often we can send a sign of life, and want one."""
PATIENCE = 2
"""How many signs of life may be missing before the broker counts as away."""
CHUNK_BYTES = 65_536
GOODBYE_S = 1.0
"""How long hanging up may take."""


class StompBroker:
    """Messages go to one destination for changes and one for calls."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._address = Address.of(settings.url.get_secret_value())
        self._destinations = {Subject.CHANGE: settings.destination, Subject.CALL: settings.log_destination}
        self._session: _Session | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Broker`."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                session = await self._connected()
            async with asyncio.timeout(self._settings.timeout_s):
                await session.send([self._frame(message) for message in messages])
        except (OSError, TimeoutError) as error:
            await self.close()
            raise self._address.is_away(error) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """See `Broker`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _connected(self) -> _Session:
        if self._session is None or self._session.is_over:
            await self.close()
            self._session = await _Session.open(self._address, self._settings)
        return self._session

    def _frame(self, message: Message) -> SendFrame:
        """A frame without `content-length`: JMS brokers then make a text message of it, not one of bytes."""
        headers = {name: str(value) for name, value in message.properties.items()}
        return SendFrame.build(
            body=message.body,
            destination=self._destinations[message.subject],
            transaction=None,
            content_type="application/json",
            add_content_length=False,
            headers=headers | {"persistent": "true", "correlation-id": message.id},
        )


class _Session:
    """One connection, from CONNECTED to its end."""

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._address = address
        self._reader = reader
        self._writer = writer
        self._parser = FrameParser()
        self._silence_s: float | None = None
        self._receipts: dict[str, asyncio.Future[None]] = {}
        self._number = 0
        self._end: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, address: Address, settings: NotificationSettings) -> Self:
        """Connect and sign in. Raises `BrokerRefused`, or an `OSError`."""
        encryption = address.encryption(settings.ca_file)
        session = cls(address, *await asyncio.open_connection(address.host, address.port, ssl=encryption))
        try:
            await session._sign_in()
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._end is not None

    async def send(self, frames: Sequence[SendFrame]) -> None:
        """Send the frames in their order and wait for the receipt of each."""
        if self._number == 0:
            # A broker that refuses hangs up, and what it said is lost when more is on its way to it.
            await self._send(frames[:1])
            frames = frames[1:]
        await self._send(frames)

    async def close(self) -> None:
        """Say goodbye, if anybody listens, and hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._has_ended(ConnectionAbortedError("the connection was closed"))
        with contextlib.suppress(OSError):
            self._writer.write(dump_frame(DisconnectFrame(headers={})))
            self._writer.close()
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await self._writer.wait_closed()
            except TimeoutError:
                self._writer.transport.abort()

    async def _send(self, frames: Sequence[SendFrame]) -> None:
        loop = asyncio.get_running_loop()
        awaited = []
        for frame in frames:
            if self._end is not None:
                raise self._end
            self._number += 1
            receipt = str(self._number)
            self._receipts[receipt] = loop.create_future()
            awaited.append(self._receipts[receipt])
            await self._write(SendFrame(headers={**frame.headers, "receipt": receipt}, body=frame.body))
        await asyncio.gather(*awaited)

    async def _sign_in(self) -> None:
        address = self._address
        beat = f"{HEART_BEAT_MS},{HEART_BEAT_MS}"
        headers = {"accept-version": "1.2", "host": address.virtual_host, "heart-beat": beat}
        if address.login is not None:
            headers |= {"login": address.login, "passcode": address.password}
        await self._write(ConnectFrame(headers=cast(Any, headers)))
        async for frame in self._frames():
            match frame:
                case ConnectedFrame():
                    self._live(frame.headers.get("heart-beat", "0,0"))
                    return
                case ErrorFrame():
                    raise BrokerRefused(f"the broker {address} refuses the login of {address.login}: {_told(frame)}")

    def _live(self, heart_beat: str) -> None:
        """Listen from now on, and give signs of life as both sides agreed (STOMP 1.2, heart-beating)."""
        theirs_ms, wanted_ms = (int(number) for number in heart_beat.split(","))
        if theirs_ms:
            self._silence_s = PATIENCE * max(theirs_ms, HEART_BEAT_MS) / 1000
        self._tasks.append(asyncio.create_task(self._listen()))
        if wanted_ms:
            self._tasks.append(asyncio.create_task(self._beat(max(wanted_ms, HEART_BEAT_MS) / 1000)))

    async def _listen(self) -> None:
        try:
            async for frame in self._frames():
                match frame:
                    case ReceiptFrame():
                        receipt = self._receipts.pop(frame.headers.get("receipt-id", ""), None)
                        if receipt is not None and not receipt.done():
                            receipt.set_result(None)
                    case ErrorFrame():
                        raise BrokerRefused(f"the broker {self._address} refuses: {_told(frame)}")
        except (OSError, BeamcatError) as error:
            self._has_ended(error)

    async def _beat(self, every_s: float) -> None:
        try:
            while True:
                await asyncio.sleep(every_s)
                self._writer.write(b"\n")
                await self._writer.drain()
        except OSError as error:
            self._has_ended(error)

    async def _frames(self) -> AsyncIterator[AnyServerFrame]:
        """What the broker sends. Raises an `OSError` when it hangs up, or gives no sign of life."""
        while True:
            async with asyncio.timeout(self._silence_s):
                chunk = await self._reader.read(CHUNK_BYTES)
            if not chunk:
                raise ConnectionResetError("it hung up")
            for frame in list(self._parser.parse_frames_from_chunk(chunk)):  # it forgets a frame after yielding it
                yield cast(AnyServerFrame, frame)

    async def _write(self, frame: AnyClientFrame) -> None:
        self._writer.write(dump_frame(frame))
        await self._writer.drain()

    def _has_ended(self, reason: BaseException) -> None:
        """Tell those who wait for receipts; the first reason is the one that counts."""
        if self._end is None:
            self._end = reason
        for receipt in self._receipts.values():
            if not receipt.done():
                receipt.set_exception(self._end)
                receipt.exception()  # marks it as seen: its sender may have stopped at an earlier frame
        self._receipts.clear()


def _told(frame: ErrorFrame) -> str:
    """The broker's words: the header is short, the body may say more."""
    return " ".join(f"{frame.headers.get('message', '')} {frame.body.decode('utf-8', 'replace')}".split())
