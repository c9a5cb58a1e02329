"""What an engine holds of each field: a document of the catalogue becomes columns, which engines only have to cut.

A field `title` gives columns such as `title.words`. Of parameters, the id of their type is part of the column, or of
the terms in it: `12=iron`. The column `_has` names the fields of text that have a value, where no other column tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from beamcat.errors import InternalError
from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Field, Kind

HAS = "_has"

Columns = dict[str, Any]
Parameters = Callable[[Mapping[str, Any]], Any]
_Shaper = Callable[[Any, Columns, list[str], Mapping[str, Any]], None]
"""Adds to the columns, and to what the document has, for a value of its; the document is there to be looked at."""

SUGGESTED = frozenset({Kind.WORDS, Kind.NAME})
"""Kinds of fields whose words are suggested."""


def under(key: int | str, text: str) -> str:
    """A term of a parameter."""
    return f"{key}={text}"


def texts(value: Any) -> list[str]:
    """The values of a field of text, folded; empty ones are none."""
    return list(map(tokens.fold, filter(None, value))) if isinstance(value, list) else [tokens.fold(value)]


class Shape:
    """How documents of one type become columns.

    `numbers` and `moments` are the forms in which the engine takes values under the ids of parameter types. `contents`
    is its column for what names and paths contain, and `each` adds words as a list, for suggestions. `has` are the
    kinds of fields that `_has` names. With `shares_names` the last component of a path is not repeated when it is the
    name (`Field.ends_in`), and what such a path contains is not a column of its own.
    """

    def __init__(
        self,
        documents: DocumentType,
        *,
        numbers: Parameters,
        moments: Parameters,
        contents: str,
        path_contents: Callable[[str], str],
        has: Collection[Kind],
        each: bool = False,
        shares_names: bool = False,
    ) -> None:
        self._entity = documents.entity
        self._numbers, self._moments = numbers, moments
        self._contents, self._path_contents = contents, path_contents
        self._has, self._shares_names = has, shares_names
        self._suggested = documents.asked if each else ()
        self._shapers = {name: self._shaper(field) for name, field in documents.fields.items()}

    def columns(self, document: bytes) -> Columns:
        """The columns of a document. Raises `InternalError` for one that is not of this type."""
        try:
            values = orjson.loads(document)
            columns: Columns = {"id": values.pop("id")}
            has: list[str] = []
            for name, value in values.items():
                if value or value == 0:
                    shape = self._shapers[name]
                    if shape is None:
                        columns[name] = value
                    else:
                        shape(value, columns, has, values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"a document of {self._entity} does not have the form that is declared for it: {error!r}"
            raise InternalError(message) from error
        if has:
            columns[HAS] = " ".join(has)
        return columns

    def _shaper(self, field: Field) -> _Shaper | None:
        """None: the value is the column."""
        match field.kind:
            case Kind.ID | Kind.MOMENT | Kind.AMOUNT:
                return None
            case Kind.WORDS:
                return self._text(field)
            case Kind.NAME:
                return self._name(field)
            case Kind.CODE:
                return self._code(field)
            case Kind.PATH:
                return self._path(field)
            case Kind.NUMBERS:
                return self._parameters(field.name, self._numbers)
            case Kind.MOMENTS:
                return self._parameters(field.name, self._moments)
            case Kind.STRINGS:
                return self._strings(field)

    def _text(self, field: Field) -> _Shaper:
        words = self._words(field)
        whole = f"{field.name}.whole" if field.sorted else None

        def shape(value: Any, columns: Columns, has: list[str], _: Mapping[str, Any]) -> None:
            values = texts(value)
            words(values, columns, has)
            if whole is not None:
                columns[whole] = list(map(tokens.whole_of, values))

        return shape

    def _name(self, field: Field) -> _Shaper:
        words = self._words(field)
        whole, contents = f"{field.name}.whole", f"{field.name}.{self._contents}"

        def shape(value: Any, columns: Columns, has: list[str], _: Mapping[str, Any]) -> None:
            values = texts(value)
            words(values, columns, has)
            columns[whole] = list(map(tokens.whole_of, values))
            columns[contents] = values

        return shape

    def _words(self, field: Field) -> Callable[[list[str], Columns, list[str]], None]:
        name, in_has = field.name, field.kind in self._has
        column, column_each = f"{name}.words", f"{name}.each"
        each = name in self._suggested

        def add(values: list[str], columns: Columns, has: list[str]) -> None:
            if values:
                if in_has:
                    has.append(name)
                columns[column] = list(map(tokens.words_of, values))
                if each:
                    columns[column_each] = sorted({word for text in values for word in tokens.words(text)})

        return add

    def _code(self, field: Field) -> _Shaper:
        name, in_has = field.name, field.kind in self._has
        column = f"{name}.whole"

        def shape(value: Any, columns: Columns, has: list[str], _: Mapping[str, Any]) -> None:
            values = sorted(set(map(tokens.whole_of, texts(value))))
            if values:
                if in_has:
                    has.append(name)
                columns[column] = values

        return shape

    def _path(self, field: Field) -> _Shaper:
        name, in_has = field.name, field.kind in self._has
        words, parts, contents = f"{name}.words", f"{name}.parts", f"{name}.{self._contents}"
        ends_in = field.ends_in if self._shares_names else None

        def shape(value: Any, columns: Columns, has: list[str], document: Mapping[str, Any]) -> None:
            values = texts(value)
            if values:
                if in_has:
                    has.append(name)
                columns[words] = list(map(tokens.path_words_of, values))
                last = tokens.fold(document.get(ends_in) or "") if ends_in else ""
                columns[parts] = [tokens.path_of(text, last) for text in values]
                if not ends_in:
                    columns[contents] = [self._path_contents(text) for text in values]

        return shape

    def _parameters(self, name: str, form: Parameters) -> _Shaper:
        def shape(value: Any, columns: Columns, has: list[str], _: Mapping[str, Any]) -> None:
            columns[name] = form(value)

        return shape

    def _strings(self, field: Field) -> _Shaper:
        name = field.name
        words, whole = f"{name}.words", f"{name}.whole"

        def shape(value: Any, columns: Columns, has: list[str], _: Mapping[str, Any]) -> None:
            values = {key: text for key, text in value.items() if text}
            if values:
                has.append(name)
                has.extend(under(key, name) for key in values)
                columns[words] = [
                    " ".join([under(key, word) for word in tokens.words(text)]) for key, text in values.items()
                ]
                columns[whole] = [under(key, tokens.whole(text)) for key, text in values.items()]

        return shape
