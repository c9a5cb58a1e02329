"""What an engine holds of each field: a document of the catalogue becomes columns, which engines only have to cut.

A field `title` gives columns such as `title.words`. Of parameters, the id of their type is part of the column, or of
the terms in it: `12=iron`. The column `_has` names the fields of text that have a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from beamcat.errors import InternalError
from beamcat.search import tokens
from beamcat.search.fields import DocumentType, Kind

HAS = "_has"

Columns = dict[str, Any]
Parameters = Callable[[Mapping[str, Any]], Any]
_Shaper = Callable[[Any, Columns, list[str]], None]

SUGGESTED = frozenset({Kind.WORDS, Kind.NAME})
"""Kinds of fields whose words are suggested."""


def under(key: int | str, text: str) -> str:
    """A term of a parameter."""
    return f"{key}={text}"


def texts(value: Any) -> list[str]:
    """The values of a field of text; empty ones are none."""
    return [text for text in value if text] if isinstance(value, list) else [value]


class Shape:
    """How documents of one type become columns.

    `numbers` and `moments` are the forms in which the engine takes values under the ids of parameter types. `contents`
    is its column for what names and paths contain, and `each` adds words as a list, for suggestions.
    """

    def __init__(
        self,
        documents: DocumentType,
        *,
        numbers: Parameters,
        moments: Parameters,
        contents: str,
        path_contents: Callable[[str], str],
        each: bool = False,
    ) -> None:
        self._entity = documents.entity
        self._numbers, self._moments = numbers, moments
        self._contents, self._path_contents = contents, path_contents
        suggested = documents.asked if each else ()
        self._shapers: dict[str, _Shaper] = {
            name: self._shaper(name, field.kind, name in suggested and field.kind in SUGGESTED)
            for name, field in documents.fields.items()
        }

    def columns(self, document: bytes) -> Columns:
        """The columns of a document. Raises `InternalError` for one that is not of this type."""
        try:
            values = orjson.loads(document)
            columns: Columns = {"id": values.pop("id")}
            has: list[str] = []
            for name, value in values.items():
                if value not in (None, "", [], {}):
                    self._shapers[name](value, columns, has)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"a document of {self._entity} does not have the form that is declared for it: {error!r}"
            raise InternalError(message) from error
        if has:
            columns[HAS] = " ".join(has)
        return columns

    def _shaper(self, name: str, kind: Kind, each: bool) -> _Shaper:
        match kind:
            case Kind.ID | Kind.MOMENT | Kind.AMOUNT:
                return lambda value, columns, _: columns.__setitem__(name, value)
            case Kind.WORDS:
                return self._words(name, each)
            case Kind.NAME:
                return self._name(name, each)
            case Kind.CODE:
                return self._code(name)
            case Kind.PATH:
                return self._path(name)
            case Kind.NUMBERS:
                return lambda value, columns, _: columns.__setitem__(name, self._numbers(value))
            case Kind.MOMENTS:
                return lambda value, columns, _: columns.__setitem__(name, self._moments(value))
            case Kind.STRINGS:
                return self._strings(name)

    def _words(self, name: str, each: bool) -> _Shaper:
        column, column_each = f"{name}.words", f"{name}.each"

        def shape(value: Any, columns: Columns, has: list[str]) -> None:
            values = texts(value)
            if values:
                has.append(name)
                columns[column] = [tokens.words_of(text) for text in values]
                if each:
                    columns[column_each] = sorted({word for text in values for word in tokens.words(text)})

        return shape

    def _name(self, name: str, each: bool) -> _Shaper:
        words = self._words(name, each)
        whole, contents = f"{name}.whole", f"{name}.{self._contents}"

        def shape(value: Any, columns: Columns, has: list[str]) -> None:
            words(value, columns, has)
            columns[whole] = [tokens.whole(text) for text in texts(value)]
            columns[contents] = [tokens.fold(text) for text in texts(value)]

        return shape

    def _code(self, name: str) -> _Shaper:
        column = f"{name}.whole"

        def shape(value: Any, columns: Columns, has: list[str]) -> None:
            values = sorted({tokens.whole(text) for text in texts(value)})
            if values:
                has.append(name)
                columns[column] = values

        return shape

    def _path(self, name: str) -> _Shaper:
        words, parts, contents = f"{name}.words", f"{name}.parts", f"{name}.{self._contents}"

        def shape(value: Any, columns: Columns, has: list[str]) -> None:
            values = texts(value)
            if values:
                has.append(name)
                columns[words] = [tokens.path_words_of(text) for text in values]
                columns[parts] = [tokens.path_of(text) for text in values]
                columns[contents] = [self._path_contents(text) for text in values]

        return shape

    def _strings(self, name: str) -> _Shaper:
        words, whole = f"{name}.words", f"{name}.whole"

        def shape(value: Any, columns: Columns, has: list[str]) -> None:
            values = {key: text for key, text in value.items() if text}
            if values:
                has.append(name)
                has.extend(under(key, name) for key in values)
                columns[words] = [
                    " ".join([under(key, word) for word in tokens.words(text)]) for key, text in values.items()
                ]
                columns[whole] = [under(key, tokens.whole(text)) for key, text in values.items()]

        return shape
