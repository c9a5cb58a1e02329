"""The catalogue as every protocol sees it: one logic, whoever asks and by whatever door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
from psycopg import errors

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebook import Rulebook
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.rules import Operation
from beamcat.catalogue import value_changes
from beamcat.catalogue.cloning import clone, sign_location
from beamcat.catalogue.creation import create
from beamcat.catalogue.deletion import delete
from beamcat.catalogue.drafts import Change, Draft, Element, Reference, Value, count_objects
from beamcat.catalogue.mixed import write
from beamcat.catalogue.permission import denied
from beamcat.catalogue.rows import to_the_millisecond
from beamcat.catalogue.rule_memory import RuleMemory
from beamcat.catalogue.stored import stamp
from beamcat.catalogue.updating import Update, update, whole
from beamcat.catalogue.writing import Manner, Writing, touch_rights
from beamcat.config import Settings
from beamcat.database.outbox import Origin, Step, record
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, BeamcatError, Forbidden, NoSuchObject, TooLarge, Unavailable, ValidationFailed
from beamcat.model import Entity, icat_entity
from beamcat.observability.requests import about, current_id

MOST_ATTEMPTS = 5
"""Attempts of a call whose keys or references others keep changing while it runs."""

T = TypeVar("T")
Work = Callable[[Writing], Awaitable[T]]
Also = Callable[[Connection, int], Awaitable[None]]


class _Undone(Exception):
    """Ends a transaction that was only a try."""


class Catalogue:
    """Create, write, update, delete and clone. Every call is one transaction: all of it happens, or nothing.

    Errors are `BeamcatError`s; those of calls that take a list carry the index of the element at fault.
    """

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._counts_maintained = settings.database.maintain_file_counts
        self._most_objects = settings.catalogue.max_objects_per_write
        digest_key = settings.store.key
        self._digest_key = None if digest_key is None else digest_key.get_secret_value()
        self._clock = clock
        self._memory = RuleMemory()

    async def create(self, caller: Caller, draft: Draft) -> int:
        """Create one object with everything below it, as SOAP does; its id (ICAT specification F.2)."""
        subject = about("create", entity=draft.entity.name)
        try:
            (identifier,) = await self.create_many(caller, [draft])
        except BeamcatError as error:
            error.offset = None
            raise
        subject.object_id = identifier
        return identifier

    async def create_datafile(self, caller: Caller, draft: Draft, also: Also | None = None) -> int:
        """Create a datafile whose bytes the data service has stored, its location signed with the facility's key.

        What is `also` done, with the id of the datafile, belongs into the same transaction.
        """
        subject = about("create", entity=draft.entity.name)

        async def work(writing: Writing) -> int:
            (identifier,) = await create(writing, [(0, draft)])
            if self._digest_key is not None:
                await sign_location(writing, identifier, self._digest_key)
            if also is not None:
                await also(writing.connection, identifier)
            return identifier

        try:
            subject.object_id = identifier = await self._write(caller, Manner.WHOLE, work)
        except BeamcatError as error:
            error.offset = None
            raise
        return identifier

    async def create_many(self, caller: Caller, drafts: Sequence[Draft], origin: Origin = Origin.CALL) -> list[int]:
        """Create objects of any entities, as SOAP does; their ids in order (F.3).

        Only the objects of the list need the right to be created, not what is below them. `origin` is told by the
        events.
        """
        subject = about("createMany", entity=drafts[0].entity.name if drafts else None)
        self._check_size(drafts)
        ids = await self._write(caller, Manner.WHOLE, lambda writing: create(writing, list(enumerate(drafts))), origin)
        subject.object_id = ids[0] if ids else None
        return ids

    async def write(self, caller: Caller, elements: Sequence[Element]) -> list[int]:
        """Create and change objects in order, as REST does; the ids of the created elements (F.5)."""
        subject = about("write")
        if first := next((each for each in elements if isinstance(each, Draft)), next(iter(elements), None)):
            subject.entity, subject.object_id = first.entity.name, first.id if isinstance(first, Change) else None
        self._check_size([element if isinstance(element, Draft) else element.draft for element in elements])
        ids = await self._write(caller, Manner.MEMBERS, lambda writing: write(writing, elements))
        subject.object_id = ids[0] if ids else subject.object_id
        return ids

    async def update(self, caller: Caller, change: Change) -> None:
        """Replace all attributes and to-one relations of an object, as SOAP does: absent means null (F.4)."""
        about("update", entity=change.entity.name, object_id=change.id)
        entity = icat_entity(change.entity.name)
        if change.id is None:
            raise NoSuchObject(f"{entity.name} has null primary key.")
        updates = [Update(0, change.id, whole(entity, change.draft))]
        try:
            await self._write(caller, Manner.WHOLE, lambda writing: update(writing, entity, updates))
        except BeamcatError as error:
            error.offset = None
            raise

    async def update_many(
        self, caller: Caller, entity: Entity, changes: Sequence[Change], origin: Origin = Origin.CALL
    ) -> None:
        """Replace all attributes and to-one relations of objects of one entity, each of them once, as SOAP does.

        `origin` is told by the events.
        """
        about("update", entity=entity.name, object_id=changes[0].id if changes else None)
        icat_entity(entity.name)
        updates = []
        for offset, change in enumerate(changes):
            if change.id is None:
                raise NoSuchObject(f"{entity.name} has null primary key.", offset)
            updates.append(Update(offset, change.id, whole(entity, change.draft)))

        async def work(writing: Writing) -> None:
            await update(writing, entity, updates)
            await stamp(writing, entity, [(each.id, each.draft) for each in updates])

        await self._write(caller, Manner.WHOLE, work, origin)

    async def delete(self, caller: Caller, references: Sequence[Reference]) -> None:
        """Delete objects and everything below them, in order (F.6)."""
        subject = about("delete")
        if references:
            subject.entity, subject.object_id = references[0].entity.name, references[0].id
        if len(references) > self._most_objects:
            raise TooLarge(f"attempt to delete more than {self._most_objects} objects in one call")
        await self._write(caller, Manner.MEMBERS, lambda writing: delete(writing, references))

    async def clone(self, caller: Caller, entity: Entity, identifier: int, keys: Mapping[str, Value]) -> int:
        """Copy an object and everything below it; the id of the copy (F.8).

        `keys` gives attributes of the unique constraint new values.
        """
        subject = about("clone", entity=entity.name)
        icat_entity(entity.name)

        async def work(writing: Writing) -> int:
            return await clone(writing, entity, identifier, keys, self._digest_key)

        copy = await self._write(caller, Manner.MEMBERS, work)
        subject.object_id = copy
        return copy

    async def change_texts(
        self,
        caller: Caller,
        reference: Reference,
        values: Mapping[str, str | None],
        seen: Mapping[str, str | None],
    ) -> None:
        """Change texts of an object by hand; what they were is kept. `seen` is what the caller saw of them.

        Raises `ChangedMeanwhile` when somebody else was faster.
        """
        about("changeTexts", entity=reference.entity.name, object_id=reference.id)
        entity = icat_entity(reference.entity.name)
        try:
            await self._write(
                caller,
                Manner.MEMBERS,
                lambda writing: value_changes.change(writing, entity, reference.id, values, seen),
            )
        except BeamcatError as error:
            error.offset = None
            raise

    async def updatable(self, caller: Caller, reference: Reference, members: Collection[str]) -> frozenset[str]:
        """Those of the members of an object that the caller may change."""
        if Scope.WRITE not in caller.scopes:
            return frozenset()
        rulebook = await self._rulebooks.current()
        async with self._database.connection() as conn:
            writing = self._writing(conn, caller, rulebook, Manner.MEMBERS)
            return await value_changes.updatable(writing, icat_entity(reference.entity.name), reference.id, members)

    async def is_access_allowed(self, caller: Caller, operation: Operation, subject: Draft | Reference) -> bool:
        """Whether the caller may do it (E.4).

        CREATE takes a `Draft`: it is created and taken back, and what is wrong with it is raised as by `create`. The
        others take a `Reference`; an object that is not there is not allowed to anybody but root. What the caller has
        not the scope for is not allowed.
        """
        identifier = subject.id if isinstance(subject, Reference) else None
        about("isAccessAllowed", entity=subject.entity.name, object_id=identifier)
        if isinstance(subject, Reference):
            return await self._may(caller, operation, subject)
        if operation is not Operation.CREATE:
            raise BadParameter("bean must have an id")
        self._check_size([subject])

        async def attempt(writing: Writing) -> None:
            await create(writing, [(0, subject)])
            raise _Undone

        try:
            await self._write(caller, Manner.WHOLE, attempt)
        except Forbidden:
            return False
        except _Undone:
            return True
        except BeamcatError as error:
            error.offset = None
            raise
        raise AssertionError("unreachable")

    async def _may(self, caller: Caller, operation: Operation, subject: Reference) -> bool:
        if (Scope.READ if operation is Operation.READ else Scope.WRITE) not in caller.scopes:
            return False
        rulebook = await self._rulebooks.current()
        async with self._database.connection() as conn:
            writing = self._writing(conn, caller, rulebook, Manner.WHOLE)
            return not await denied(writing, operation, icat_entity(subject.entity.name), [subject.id])

    def _writing(
        self,
        conn: Connection,
        caller: Caller,
        rulebook: Rulebook,
        manner: Manner,
        *,
        careful: bool = False,
        origin: Origin = Origin.CALL,
    ) -> Writing:
        now = self._now()
        return Writing(conn, caller, rulebook, manner, now, self._counts_maintained, self._memory, careful, origin)

    def _check_size(self, drafts: Sequence[Draft]) -> None:
        if count_objects(drafts) > self._most_objects:
            raise TooLarge(f"attempt to write more than {self._most_objects} objects in one call")

    def _now(self) -> datetime:
        return to_the_millisecond(self._clock())

    async def _write(self, caller: Caller, manner: Manner, work: Work[T], origin: Origin = Origin.CALL) -> T:
        """Do the work and write its events in one transaction; again, looking more closely, when a row is refused.

        The refused row may be the client's fault, which the second attempt then finds, or somebody else's who was
        faster.
        """
        caller.require(Scope.WRITE)
        rulebook = await self._rulebooks.current()

        async def transaction(conn: Connection) -> tuple[T, list[Step]]:
            writing = self._writing(conn, caller, rulebook, manner, careful=careful, origin=origin)
            result = await work(writing)
            await record(conn, caller.name, writing.now, current_id(), writing.changes)
            return result, writing.changes

        for attempt in range(MOST_ATTEMPTS):
            careful = attempt > 0
            try:
                result, changes = await self._database.run(transaction)
            except (errors.UniqueViolation, errors.ForeignKeyViolation):
                continue
            except (psycopg.DataError, UnicodeEncodeError, OverflowError) as error:
                raise BadParameter(f"The database cannot hold a value: {_reason(error)}") from error
            except psycopg.IntegrityError as error:
                if isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None:
                    continue  # there was no partition for a row
                raise ValidationFailed(f"A value breaks a rule of the data: {_reason(error)}") from error
            if touch_rights(changes):
                self._rulebooks.expire()
            return result
        raise Unavailable("too many others are changing the same objects; try again")


def _reason(error: Exception) -> str:
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or str(error).encode(errors="replace").decode()
