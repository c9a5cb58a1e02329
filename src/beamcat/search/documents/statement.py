"""How documents are made: one statement per entity, which puts the JSON together inside PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beamcat.search.fields import DocumentType
from beamcat.search.sharding import in_shard

_SCOPE = re.compile(r"\[\[([a-z_.]+)\]\]")
_DIGEST = "(hashtextextended(text, 0) & 4294967295)"


@dataclass(frozen=True)
class Part:
    """What several rows of another table say of one object: they are grouped by the column `of`.

    `[[column]]` in the text stands for the condition that it is among the ids that are asked for.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Documents:
    """The documents of one entity: what they hold, and where it comes from.

    `values` are expressions over the table, called `it`, over `joins`, and over `parts` by their names. Which changes
    of other objects change a document is said by paths through the model, such as `investigationUsers.user`.

    The digest is one of the text of all the rest: documents that say the same have the same text.
    """

    type: DocumentType
    table: str
    values: Mapping[str, str]
    joins: str = ""
    parts: tuple[Part, ...] = ()
    reads: tuple[str, ...] = ()
    """Paths to objects whose values are in a document. What a path goes through matters by where it leads alone."""
    links: tuple[str, ...] = ()
    """Paths of which nothing but where they lead is in a document: ids, numbers of objects."""
    counts: tuple[str, ...] = ()
    """Paths to datafiles that the database counts in the object itself, where it does."""

    def of_range(self, first: int, stop: int, shard: tuple[int, int] | None = None) -> str:
        """The statement for the ids from `first` up to, not including, `stop`: a row of JSON each, in order of ids.

        With `shard`, a number and how many there are, only documents of that one.
        """
        condition = "true" if shard is None else in_shard(self.values["investigation"], *shard)
        return _range(self._documents(condition), first, stop)

    def of_ids(self, ids: Iterable[int]) -> str:
        """The statement for some ids."""
        return _ids(self._documents(), ids)

    def digests_of_range(self, first: int, stop: int) -> str:
        """The statement for ids and digests alone."""
        return _range(self._digests(), first, stop)

    def digests_of_ids(self, ids: Iterable[int]) -> str:
        """The same for some ids."""
        return _ids(self._digests(), ids)

    def _documents(self, condition: str = "true") -> str:
        return (
            f"""SELECT concat('{{"digest":', {_DIGEST}, ',', substr(text, 2))"""  # noqa: S608
            f" FROM ({self._texts(condition)}) made"
        )

    def _digests(self) -> str:
        return f"SELECT id, {_DIGEST} FROM ({self._texts()}) made"  # noqa: S608

    def _texts(self, condition: str = "true") -> str:
        columns = ", ".join(f'{expression} AS "{name}"' for name, expression in self.values.items())
        parts = " ".join(f"LEFT JOIN ({part.text}) {part.name} ON {part.name}.of = it.id" for part in self.parts)
        # the offset keeps PostgreSQL from making the text twice, once for its digest
        return (
            f"SELECT id, json_strip_nulls(row_to_json(document))::text AS text FROM (SELECT it.id, {columns}"  # noqa: S608
            f" FROM {self.table} it {self.joins} {parts} WHERE [[it.id]] AND {condition} ORDER BY it.id) document"
            " OFFSET 0"
        )


def _range(statement: str, first: int, stop: int) -> str:
    return _SCOPE.sub(rf"\1 >= {first:d} AND \1 < {stop:d}", statement)


def _ids(statement: str, ids: Iterable[int]) -> str:
    return _SCOPE.sub(rf"\1 = ANY('{{{','.join(f'{id_:d}' for id_ in ids)}}}')", statement)


def moment(expression: str) -> str:
    """Milliseconds since 1970."""
    return f"(extract(epoch FROM {expression}) * 1000)::bigint"


def ids_of(name: str, table: str, parent: str, child: str) -> Part:
    """The ids of what an object is related to by the rows of a table."""
    gathered = f"array_agg(DISTINCT {child}) AS ids"
    return Part(name, f"SELECT {parent} AS of, {gathered} FROM {table} WHERE [[{parent}]] GROUP BY 1")  # noqa: S608


def parameters(table: str, parent: str) -> Part:
    """Values of parameters under the ids of their types, and these ids. JSON has no infinity, nor NaN: left out."""
    finite = "numeric_value < 'Infinity' AND numeric_value > '-Infinity'"
    text = (
        f"SELECT {parent} AS of,"  # noqa: S608
        f" json_object_agg(type_id, numeric_value ORDER BY type_id) FILTER (WHERE {finite}) AS numbers,"
        f" json_object_agg(type_id, string_value ORDER BY type_id) FILTER (WHERE string_value IS NOT NULL) AS strings,"
        f" json_object_agg(type_id, {moment('date_time_value')} ORDER BY type_id)"
        " FILTER (WHERE date_time_value IS NOT NULL) AS moments,"
        f" array_agg(type_id ORDER BY type_id) AS types FROM {table} WHERE [[{parent}]] GROUP BY 1"
    )
    return Part("parameter", text)


PARAMETER_VALUES = {
    "numbers": "parameter.numbers",
    "strings": "parameter.strings",
    "moments": "parameter.moments",
    "parameter_types": "parameter.types",
}
