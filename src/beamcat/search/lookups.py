"""What a question needs to know before it can be asked: names in small tables, parameter types, other documents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.errors import ValidationFailed
from beamcat.search.all_ids import all_ids
from beamcat.search.facets import MOST_VALUES
from beamcat.search.language.lookups import NOTHING_FOUND, Found, ParameterType, ValueKind
from beamcat.search.language.meaning import Asked, Exactly, NameTest, Table
from beamcat.search.language.naming import fits
from beamcat.search.parts import Parts
from beamcat.search.question import Facet, Predicate, Question, Terms
from beamcat.search.rights import Allowed
from beamcat.search.seen import as_seen

TOLD = 4
"""Names of what was found that people may be told."""
_PEOPLE = frozenset((Table.INVESTIGATION_OF_USER, Table.INVESTIGATION_OF_PERSON))
_PERSONS = {"name": "name", "fullName": "full_name", "orcidId": "orcid_id"}

_OF_USERS = """
SELECT investigation_id FROM investigation_user WHERE user_id = ANY(%(users)s)
UNION
SELECT link.investigation_id
  FROM instrument_scientist scientist
  JOIN investigation_instrument link ON link.instrument_id = scientist.instrument_id
 WHERE scientist.user_id = ANY(%(users)s)
 LIMIT %(most)s
"""
_OF_PERSONS = """
SELECT DISTINCT investigation_id FROM investigation_user WHERE user_id = ANY(%(users)s) LIMIT %(most)s
"""


class CatalogueLookups:
    """`language.Lookups` for one caller: names that are told are only those the caller may read."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts, self._caller = parts, caller
        self._most_ids = parts.settings.related_ids

    async def find(self, asked: Collection[Asked]) -> Mapping[Asked, Found]:
        """What is called so, for each. Raises `ValidationFailed` for somebody with too many investigations."""
        tables = await self._parts.tables.get({one.table for one in asked} - _PEOPLE)
        found: dict[Asked, Found] = {}
        told: dict[Table, set[int]] = {}
        for one in asked:
            if one.table in _PEOPLE:
                found[one] = await self._investigations(one)
                continue
            rows = tables[one.table].called(one.test, one.member)
            if rows:
                found[one] = Found(tuple(row.id for row in rows))
                told.setdefault(one.table, set()).update(row.id for row in rows[:TOLD])
        for table, ids in told.items():
            readable = await self._parts.readable.of(self._caller, table.value, ids)
            for one, names in found.items():
                if one.table is table:
                    labels = [tables[table].rows[id_].label for id_ in names.ids[:TOLD] if id_ in readable]
                    found[one] = Found(names.ids, tuple(dict.fromkeys(labels)))
        return found

    async def parameter_types(self, tests: Collection[NameTest]) -> Mapping[NameTest, Sequence[ParameterType]]:
        """The parameter types whose name is so, for each."""
        table = await self._parts.tables.one(Table.PARAMETER_TYPE)
        return {
            test: [
                ParameterType(row.id, row.texts["name"], row.texts.get("units", ""), ValueKind(row.texts["valueType"]))
                for row in table.called(test, "name")
            ]
            for test in tests
        }

    async def _investigations(self, asked: Asked) -> Found:
        of_user = asked.table is Table.INVESTIGATION_OF_USER
        member = asked.member or ("name" if of_user else "fullName")
        column = _PERSONS[member]
        if isinstance(asked.test, Exactly) and "\x00" in asked.test.text:
            return NOTHING_FOUND  # PostgreSQL holds no such text
        async with self._parts.database.connection() as connection:
            if isinstance(asked.test, Exactly):
                same = f"{column} = %s" if of_user else f"lower({column}) = lower(%s)"
                cursor = await connection.execute(
                    f'SELECT id, {column} FROM "user" WHERE {same}',  # noqa: S608
                    [asked.test.text],
                )
            else:
                cursor = await connection.execute(f'SELECT id, {column} FROM "user" WHERE {column} IS NOT NULL')  # noqa: S608
            users = [id_ for id_, text in await cursor.fetchall() if fits(asked.test, text)]
            if not users:
                return NOTHING_FOUND
            cursor = await connection.execute(
                _OF_USERS if of_user else _OF_PERSONS, {"users": users, "most": self._most_ids + 1}
            )
            ids = sorted(id_ for (id_,) in await cursor.fetchall())
        if len(ids) > self._most_ids:
            raise ValidationFailed(
                f"there are more than {self._most_ids} investigations of that person; narrow it down"
            )
        return Found(tuple(ids))


class OtherDocuments:
    """`language.OtherDocuments` for one caller, by the engine."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts, self._caller = parts, caller
        self._most_ids = parts.settings.related_ids

    async def ids(self, entity: str, predicate: Predicate, member: str | None = None) -> Sequence[int]:
        """The ids of the documents that match, or those in that ID field of theirs; of what the caller may see.

        Raises `ValidationFailed` if there are more than the settings allow.
        """
        allowed = await self._parts.rights.allowed(self._caller, entity)
        (predicate,) = await as_seen(self._parts, self._caller, entity, [predicate])
        if member is not None and allowed.exact:
            return await self._members(entity, predicate, member, allowed)
        question = Question(entity, match=predicate, allowed=allowed.predicate)
        ids = await all_ids(self._parts.engine, question, self._most_ids + 1)
        if len(ids) > self._most_ids:
            raise self._too_many(entity)
        if not allowed.exact:
            readable = await self._parts.readable.of(self._caller, entity, ids)
            ids = [id_ for id_ in ids if id_ in readable]
        return ids if member is None else await self._of_objects(entity, member, ids)

    async def _members(self, entity: str, predicate: Predicate, member: str, allowed: Allowed) -> Sequence[int]:
        question = Question(
            entity,
            match=predicate,
            allowed=allowed.predicate,
            limit=0,
            count_up_to=0,
            facets=(Facet(member, Terms(member, MOST_VALUES)),),
        )
        buckets = (await self._parts.engine.ask(question)).facets[member]
        if len(buckets) >= MOST_VALUES:
            raise self._too_many(entity)
        return sorted(int(bucket.value) for bucket in buckets)

    async def _of_objects(self, entity: str, member: str, ids: Sequence[int]) -> Sequence[int]:
        """The same of objects that were looked at: `member` is a relation of theirs to one."""
        column, table = f"{member}_id", entity.lower()
        async with self._parts.database.connection() as connection:
            cursor = await connection.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE id = ANY(%s) AND {column} IS NOT NULL",  # noqa: S608
                [list(ids)],
            )
            return sorted(id_ for (id_,) in await cursor.fetchall())

    def _too_many(self, entity: str) -> ValidationFailed:
        return ValidationFailed(
            f"more than {self._most_ids} objects of {entity} fit what is asked of them; say more about them"
        )
