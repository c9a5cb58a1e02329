"""From carts, visits, data collections and lists of files to downloads (data service specification, C.3, C.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from beamcat.access.caller import Caller, Scope
from beamcat.config import DownloadSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.store.requests.carts import Cart, Carts, read_cart, take_out
from beamcat.store.requests.downloads import Downloads, DownloadStatus, NewDownload, Packed
from beamcat.store.requests.items import Catalogued, Kind, Owner, Portion, Reference, wanted_of
from beamcat.store.requests.priorities import priority_of
from beamcat.store.requests.transports import Transports
from beamcat.store.selection import Total
from beamcat.store.service import DataService, Form
from beamcat.store.targets.contract import Order
from beamcat.store.targets.opening import TargetRequests

LONGEST_FILE_NAME = 255
LONGEST_ADDRESS = 254

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Request:
    """How something is wanted."""

    facility: str
    owner: Owner
    transport: str
    file_name: str = ""
    email: str | None = None
    compress: bool = False
    form: Packed = "zip"
    destination: str | None = None
    """What the user chooses of a target that lets them choose."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What has become of a cart: its download, None when there was nothing in it; and what is in the cart now."""

    download_id: int | None
    left: Cart | None


@dataclass(frozen=True, slots=True)
class FilesSubmitted:
    """The download of a list of files, and the locations at which there is nothing for the user."""

    download_id: int
    not_found: list[str]


@dataclass(frozen=True, slots=True)
class FilesFound:
    """How much a list of files is, and the locations at which there is nothing for the user."""

    total: Total
    ids: list[int]
    not_found: list[str]


class Submissions:
    """Takes requests. Whether the storage has two levels decides whether data may have to be restored first."""

    def __init__(
        self,
        database: Database,
        data: DataService,
        settings: DownloadSettings,
        *,
        catalogued: Catalogued,
        carts: Carts,
        downloads: Downloads,
        transports: Transports,
        two_level: bool,
        targets: TargetRequests | None = None,
    ) -> None:
        self._database = database
        self._catalogued = catalogued
        self._carts = carts
        self._downloads = downloads
        self._transports = transports
        self._data = data
        self._settings = settings
        self._two_level = two_level
        self._targets = targets

    async def submit_cart(self, request: Request) -> Submitted:
        """Request what is in the cart. With one level of storage the download is complete at once.

        What is put into the cart meanwhile stays there; of two who submit the same cart, one does.
        """
        request = await self._checked(request)
        if not request.file_name:
            raise BadParameter("fileName is required")
        cart = await self._carts.find(request.facility, request.owner)
        if cart is None:
            return Submitted(None, None)
        new = await self._of(request, cart.references)
        async with self._database.transaction() as connection:
            is_ours = await take_out(connection, cart, request.owner.key)
            ids = await self._downloads.insert(connection, [new] if is_ours else [])
            await self._enlist(connection, request, ids)
            return Submitted(ids[0] if ids else None, await read_cart(connection, request.facility, request.owner.key))

    async def submit(self, request: Request, references: Sequence[Reference]) -> int:
        """Request these objects, whatever is in the cart; the id of the download."""
        request = await self._checked(request)
        if not request.file_name:
            raise BadParameter("fileName is required")
        if not references:
            raise BadParameter("a request names what is wanted")
        new = await self._of(request, references)
        async with self._database.transaction() as connection:
            ids = await self._downloads.insert(connection, [new])
            await self._enlist(connection, request, ids)
        return ids[0]

    async def queue_visit(self, request: Request, visit_id: str) -> list[int]:
        """Queue all datasets of a visit, in parts; the ids of the downloads."""
        priority = await self._priority(request.owner.caller)
        request = await self._checked(request)
        portions = await self._catalogued.datasets_of_visit(request.owner.caller, visit_id)
        if not portions:
            raise NoSuchObject(f"there is nothing of a visit {visit_id[:100]}")
        return await self._queue(_named(request, f"{request.facility}_{visit_id}"), portions, priority)

    async def queue_collection(self, request: Request, identifier: int) -> list[int]:
        """Queue the datasets and datafiles of a data collection, in parts; the ids of the downloads."""
        priority = await self._priority(request.owner.caller)
        request = await self._checked(request)
        portions = await self._catalogued.collection(request.owner.caller, identifier)
        if not portions:
            raise NoSuchObject(f"there is nothing of a data collection {identifier}")
        return await self._queue(_named(request, f"{request.facility}_DataCollection{identifier}"), portions, priority)

    async def queue_files(self, request: Request, locations: Sequence[str]) -> FilesSubmitted:
        """Queue the datafiles at these locations, as one download."""
        priority = await self._priority(request.owner.caller)
        request = await self._checked(request)
        found = await self.files(request.owner.caller, locations)
        if not found.ids:
            raise NoSuchObject("there are no files at these locations")
        references = [Reference(Kind.DATAFILE, identifier) for identifier in found.ids]
        await self._ask_target(request, found.total.size)
        new = self._new(_named(request, f"{request.facility}_files"), references, found.total.size)
        async with self._database.transaction() as connection:
            new = replace(new, status=DownloadStatus.QUEUED, priority=priority)
            (identifier,) = await self._downloads.insert(connection, [new])
            await self._enlist(connection, request, [identifier])
        return FilesSubmitted(identifier, found.not_found)

    async def files(self, caller: Caller, locations: Sequence[str]) -> FilesFound:
        """The datafiles at these locations."""
        most = self._settings.queue.max_files
        if not locations:
            raise BadParameter("at least one of files is required")
        if len(locations) > most:
            raise ValidationFailed(f"a request may name {most} files, and this one names {len(locations)}")
        found = await self._catalogued.located(caller, locations)
        there = {each.location for each in found}
        not_found = [location for location in dict.fromkeys(locations) if location not in there]
        total = Total(len(found), sum(each.size for each in found))
        return FilesFound(total, [each.id for each in found], not_found)

    async def priority(self, caller: Caller) -> int:
        """The caller's priority in the queue; less than 1: none."""
        return await priority_of(self._database, self._settings.queue, caller.name)

    async def _priority(self, caller: Caller) -> int:
        priority = await self.priority(caller)
        if priority < 1:
            raise Forbidden("you may not use the queue for downloads")
        return priority

    async def _checked(self, request: Request) -> Request:
        request.owner.caller.require(Scope.READ)
        if not request.transport:
            raise BadParameter("transport is required")
        if len(request.file_name) > LONGEST_FILE_NAME or _CONTROL.search(request.file_name):
            raise BadParameter(f"fileName may have {LONGEST_FILE_NAME} characters, and no line breaks")
        if request.owner.anonymous and not self._settings.anonymous:
            raise Forbidden("sign in to request downloads")
        transport = await self._transports.find(request.facility, request.owner.caller, request.transport)
        if transport.disabled:
            raise Forbidden(transport.message or f"the transport {transport.name} is switched off at the moment")
        email = checked_address(request.email)
        if email is None and transport.settings.mail_required:
            raise BadParameter(f"email is required for the transport {transport.name}")
        return replace(request, email=email)

    def _check_limits(self, total: Total) -> None:
        files, size = self._settings.max_files, self._settings.max_bytes
        if files is not None and total.files > files:
            raise ValidationFailed(f"a request may have {files} files, and this one has {total.files}")
        if size is not None and total.size > size:
            raise ValidationFailed(f"a request may have {size} bytes, and this one has {total.size}")

    async def _of(self, request: Request, references: Sequence[Reference]) -> NewDownload:
        """The download of these objects, prepared where nothing has to be restored first."""
        wanted, caller = wanted_of(references), request.owner.caller
        total = await self._data.total(caller, wanted)
        self._check_limits(total)
        await self._ask_target(request, total.size)
        new = self._new(request, references, total.size)
        if not self._two_level:
            form = Form(zip=True, compress=request.compress, tar=request.form == "tar")
            prepared = await self._data.prepare(caller, wanted, form)
            has_target = self._targets is not None and request.transport in self._targets.transports
            status = DownloadStatus.RESTORING if has_target else DownloadStatus.COMPLETE
            return replace(new, status=status, prepared=prepared)
        if self._settings.queue.carts:
            return replace(new, status=DownloadStatus.QUEUED, priority=await self.priority(caller))
        return new

    def _new(self, request: Request, references: Sequence[Reference], size: int) -> NewDownload:
        return NewDownload(
            facility=request.facility,
            owner=request.owner,
            transport=request.transport,
            file_name=request.file_name,
            email=request.email,
            status=DownloadStatus.PREPARING,
            size=size,
            references=references,
            two_level=self._two_level,
            compress=request.compress,
            form=request.form,
        )

    async def _queue(self, request: Request, portions: Sequence[Portion], priority: int) -> list[int]:
        packed = parts(portions, self._settings.queue.max_part_files)
        new = [
            replace(
                self._new(request, [portion.reference for portion in part], sum(portion.size for portion in part)),
                status=DownloadStatus.QUEUED,
                priority=priority,
                file_name=part_name(request.file_name, number, len(packed)),
            )
            for number, part in enumerate(packed, 1)
        ]
        await self._ask_target(request, sum(each.size for each in new))
        async with self._database.transaction() as connection:
            ids = await self._downloads.insert(connection, new)
            await self._enlist(connection, request, ids)
            return ids

    async def _ask_target(self, request: Request, size: int) -> None:
        """Raise `Forbidden` when the transport has a target that does not take so much from this user."""
        if self._targets is not None:
            person = await self._targets.person(request.owner.caller.name, request.email)
            order = Order(0, person, request.facility, None, request.file_name, request.destination, None, size)
            await self._targets.check(request.transport, order)

    async def _enlist(self, connection: Connection, request: Request, ids: Sequence[int]) -> None:
        if self._targets is not None:
            await self._targets.enlist(connection, request.transport, ids, request.destination)


def parts(portions: Sequence[Portion], most_files: int) -> list[list[Portion]]:
    """The portions, in order, in parts of at most so many files; one that has more is a part by itself."""
    packed: list[list[Portion]] = []
    files = 0
    for portion in portions:
        if packed and files + portion.files <= most_files:
            packed[-1].append(portion)
            files += portion.files
        else:
            packed.append([portion])
            files = portion.files
    return packed


def part_name(name: str, number: int, count: int) -> str:
    """The name of one part of several, which sort in order."""
    return f"{name}_part_{number:0{len(str(count))}}_of_{count}"


def checked_address(email: str | None) -> str | None:
    """The e-mail address; None without one. Raises `BadParameter` for what is none."""
    if email is None or not email.strip():
        return None
    address = email.strip()
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address) or ".." in address:
        raise BadParameter("email is not an e-mail address")
    return address


def _named(request: Request, name: str) -> Request:
    return request if request.file_name else replace(request, file_name=_CONTROL.sub("_", name)[:LONGEST_FILE_NAME])
