"""How documents are made: one statement per entity, which puts the JSON together inside PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beamcat.search.fields import DocumentType

_SCOPE = re.compile(r"\[\[([a-z_.]+)\]\]")


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

    `values` are expressions over the table, called `it`, over `joins`, and over `parts` by their names.
    """

    type: DocumentType
    table: str
    values: Mapping[str, str]
    joins: str = ""
    parts: tuple[Part, ...] = ()

    def of_range(self, first: int, stop: int) -> str:
        """The statement for the ids from `first` up to, not including, `stop`: a row of JSON each, in order of ids."""
        return _SCOPE.sub(rf"\1 >= {first:d} AND \1 < {stop:d}", self._statement())

    def of_ids(self, ids: Iterable[int]) -> str:
        """The statement for some ids."""
        return _SCOPE.sub(rf"\1 = ANY('{{{','.join(f'{id_:d}' for id_ in ids)}}}')", self._statement())

    def _statement(self) -> str:
        columns = ", ".join(f'{expression} AS "{name}"' for name, expression in self.values.items())
        parts = " ".join(f"LEFT JOIN ({part.text}) {part.name} ON {part.name}.of = it.id" for part in self.parts)
        return (
            f"SELECT json_strip_nulls(row_to_json(document)) FROM (SELECT it.id, {columns}"  # noqa: S608
            f" FROM {self.table} it {self.joins} {parts} WHERE [[it.id]] ORDER BY it.id) document"
        )


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
        f" json_object_agg(type_id, numeric_value) FILTER (WHERE {finite}) AS numbers,"
        f" json_object_agg(type_id, string_value) FILTER (WHERE string_value IS NOT NULL) AS strings,"
        f" json_object_agg(type_id, {moment('date_time_value')}) FILTER (WHERE date_time_value IS NOT NULL) AS moments,"
        f" array_agg(type_id ORDER BY type_id) AS types FROM {table} WHERE [[{parent}]] GROUP BY 1"
    )
    return Part("parameter", text)


PARAMETER_VALUES = {
    "numbers": "parameter.numbers",
    "strings": "parameter.strings",
    "moments": "parameter.moments",
    "parameter_types": "parameter.types",
}
