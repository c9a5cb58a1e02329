"""A copy of an object and of everything below it (ICAT specification F.8), made inside the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beamcat.access.rules import Operation
from beamcat.catalogue.cascade import below
from beamcat.catalogue.deletion import ids_below
from beamcat.catalogue.drafts import Value
from beamcat.catalogue.lookups import array_type, clash, column, first_taken
from beamcat.catalogue.new_ids import new_ids
from beamcat.catalogue.permission import denied, refusal
from beamcat.catalogue.rows import MAINTAINED, is_enumerated, not_enumerated, shape_of, too_long
from beamcat.catalogue.writing import Writing
from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.outbox import ChangeKind
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.model import Attribute, Entity, Kind, ToOne

SIGNED_LOCATION = """CASE WHEN strpos(s.location, ' ') = 0 THEN s.location
ELSE regexp_replace(s.location, '[^ ]*$', '') || upper(encode(sha256(convert_to(
    m.new::text || regexp_replace(s.location, ' [^ ]*$', '') || %s::text, 'UTF8')), 'hex')) END"""
"""A location is followed by a blank and the digest of datafile id, location and key: the data service checks it."""


_SIGN = """
UPDATE datafile SET location = location || ' ' || upper(encode(sha256(convert_to(
       id::text || location || %s::text, 'UTF8')), 'hex'))
 WHERE id = %s
"""


async def sign_location(writing: Writing, datafile: int, digest_key: str) -> None:
    """Let the location of a datafile that was just created be followed by its digest."""
    await writing.connection.execute(_SIGN, [digest_key, datafile])


@dataclass(frozen=True, slots=True)
class _Copies:
    """The ids of the objects to copy and of their copies, by entity name."""

    old: dict[str, list[int]]
    new: dict[str, list[int]]

    def by_original(self, entity: str) -> dict[int, int]:
        """The copy of each object of an entity; empty when none is copied."""
        return dict(zip(self.old.get(entity, ()), self.new.get(entity, ()), strict=True))


async def clone(
    writing: Writing, entity: Entity, identifier: int, keys: Mapping[str, Value], digest_key: str | None
) -> int:
    """Copy an object and all below it; the id of the copy.

    `keys` gives attributes of the unique constraint other values. With `digest_key`, signed locations of datafiles are
    signed again. Needs READ on every object copied and CREATE on every copy. `psycopg.IntegrityError` calls for
    another attempt with `writing.careful`.
    """
    _check_keys(entity, keys)
    copied = [each for each in below(entity) if each.icat]
    copies = _Copies({entity.name: await _present(writing, entity, identifier)}, {})
    for each in copied:
        if each is not entity:
            copies.old[each.name] = await ids_below(writing.connection, each, copies.old)
        if await denied(writing, Operation.READ, each, copies.old[each.name]):
            raise refusal(Operation.READ, each, None)
    copied = [each for each in copied if copies.old[each.name]]
    for each in copied:
        copies.new[each.name] = await new_ids(writing, each, len(copies.old[each.name]))
    for each in copied:
        overridden = keys if each is entity else {}
        if writing.careful:
            await _check_unique(writing, each, copies, overridden)
        await _copy(writing, each, copies, overridden, digest_key)
        writing.note(ChangeKind.CREATED, each, copies.new[each.name])
    for each in copied:
        if await denied(writing, Operation.CREATE, each, copies.new[each.name]):
            raise refusal(Operation.CREATE, each, None)
    return copies.new[entity.name][0]


def _check_keys(entity: Entity, keys: Mapping[str, Value]) -> None:
    for name, value in keys.items():
        member = entity.fields.get(name) if name in entity.unique else None
        if not isinstance(member, Attribute):
            raise BadParameter(f"{name} is not a simple field of the constraint of {entity.name}")
        if value is None or isinstance(value, str) is (member.kind is Kind.DATETIME):
            raise BadParameter(f"{name} of {entity.name} cannot have that value")
        if isinstance(value, str):
            if "\0" in value:
                raise BadParameter(f"Field {name} must not contain the character U+0000 in {entity.name}")
            if member.length is not None and len(value) > member.length:
                raise too_long(entity, name, member.length)
            if not is_enumerated(member, value):
                raise not_enumerated(entity, member)


async def _present(writing: Writing, entity: Entity, identifier: int) -> list[int]:
    cursor = await writing.connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE id = %s FOR KEY SHARE",
        [identifier],
    )
    if await cursor.fetchone() is None:
        raise NoSuchObject(f"{entity.name}:{identifier}")
    return [identifier]


async def _copy(
    writing: Writing, entity: Entity, copies: _Copies, overridden: Mapping[str, Value], digest_key: str | None
) -> None:
    """One statement copies all objects of an entity; their references to what has been copied follow the copies."""
    parts = _Select(writing, entity, copies, overridden, digest_key)
    table = quoted(table_name(entity))
    columns = ", ".join(map(quoted, shape_of(entity).columns))
    await writing.connection.execute(
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(parts.values)} "
        f"FROM unnest(%s::bigint[], %s::bigint[]) AS m(old, new) JOIN {table} s ON s.id = m.old "
        f"{' '.join(parts.joins)} ORDER BY m.new",
        [*parts.value_params, copies.old[entity.name], copies.new[entity.name], *parts.join_params],
    )


class _Select:
    """The parts of the SELECT that makes copies: `s` is the object, `m` its old and new id."""

    def __init__(
        self, writing: Writing, entity: Entity, copies: _Copies, overridden: Mapping[str, Value], digest_key: str | None
    ) -> None:
        self.values = ["m.new", "%s", "%s", "%s", "%s"]
        self.value_params: list[Any] = [writing.caller.name, writing.now, writing.caller.name, writing.now]
        self.joins: list[str] = []
        self.join_params: list[Any] = []
        restarted = MAINTAINED.get(entity.name, ()) if writing.counts_maintained else ()
        for attribute in entity.attributes:
            if attribute.name in overridden:
                self.values.append(f"%s::{array_type(entity, attribute.name).removesuffix('[]')}")
                self.value_params.append(overridden[attribute.name])
            elif attribute.name in restarted:
                self.values.append("0")
            elif digest_key is not None and (entity.name, attribute.name) == ("Datafile", "location"):
                self.values.append(SIGNED_LOCATION)
                self.value_params.append(digest_key)
            else:
                self.values.append(f"s.{column(entity, attribute.name)}")
        for relation in entity.to_one:
            self.values.append(self._followed(relation, copies))
        self.values += [f"s.{quoted(column_name(attribute))}" for attribute in entity.hidden]
        if entity.name == "Datafile":
            dataset = next(relation for relation in entity.to_one if relation.name == "dataset")
            place = len(self.values) - len(entity.hidden) - len(entity.to_one) + entity.to_one.index(dataset)
            self.values.append(f"(SELECT d.investigation_id FROM dataset d WHERE d.id = {self.values[place]})")

    def _followed(self, relation: ToOne, copies: _Copies) -> str:
        key = f"s.{quoted(column_name(relation))}"
        if relation.target not in copies.new:
            return key
        alias = f"p{len(self.joins)}"
        self.joins.append(f"LEFT JOIN unnest(%s::bigint[], %s::bigint[]) AS {alias}(old, new) ON {alias}.old = {key}")
        self.join_params += [copies.old[relation.target], copies.new[relation.target]]
        return f"coalesce({alias}.new, {key})"


async def _check_unique(writing: Writing, entity: Entity, copies: _Copies, overridden: Mapping[str, Value]) -> None:
    """`AlreadyExists` for the first copy whose key is taken."""
    if not entity.unique:
        return
    columns = ", ".join(column(entity, name) for name in entity.unique)
    cursor = await writing.connection.execute(
        f"SELECT {columns} FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[]) ORDER BY id",
        [copies.old[entity.name]],
    )
    members = [entity.fields[name] for name in entity.unique]
    copy_of = [copies.by_original(member.target) if isinstance(member, ToOne) else None for member in members]
    keys = [
        tuple(
            overridden.get(name, value) if copied is None else copied.get(value, value)
            for name, value, copied in zip(entity.unique, row, copy_of, strict=True)
        )
        for row in await cursor.fetchall()
    ]
    taken = await first_taken(writing.connection, entity, keys)
    if taken is not None:
        raise clash(entity, keys[taken], None)
