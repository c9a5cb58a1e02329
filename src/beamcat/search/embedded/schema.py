"""What tantivy is told of the columns of documents.

Integers are always signed: a writer of tantivy dies of a signed number in an unsigned field, and takes what was not
committed with it. Numbers of parameters are kept as whole numbers in the same order (`ordered`): tantivy chooses the
type of a column of JSON by its values, and compares floating point bounds with a column of integers wrongly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import tantivy

from beamcat.search import tokens
from beamcat.search.columns import HAS, SUGGESTED, Shape
from beamcat.search.fields import DocumentType, Field, Kind

_FORM = 3
"""Counts changes of this file that need a new index."""
SHORTEST_GRAM = 3
"""Characters."""
_LOWEST = -(1 << 63)

_TOKENISERS: Mapping[str, Callable[[], tantivy.Tokenizer]] = {
    # a regular expression, which would cut just as well, takes more time than all the rest
    "terms": tantivy.Tokenizer.whitespace,
    "grams": lambda: tantivy.Tokenizer.ngram(SHORTEST_GRAM, SHORTEST_GRAM),
}
_WHOLE = "raw"


def schema_of(documents: DocumentType) -> tantivy.Schema:
    """The columns of a type."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", indexed=True, fast=True)
    builder.add_text_field(HAS, tokenizer_name="terms", index_option="basic")
    for field in documents.fields.values():
        _add(builder, field, stored=_is_compared(documents, field))
    return builder.build()


def register(index: tantivy.Index) -> None:
    """The tokenisers have to be told each time an index is opened."""
    for name, tokeniser in _TOKENISERS.items():
        analyser = tantivy.TextAnalyzerBuilder(tokeniser())
        if name != "grams":
            analyser = analyser.filter(tantivy.Filter.remove_long(tokens.LONGEST_WORD * 4 + 1))
        index.register_tokenizer(name, analyser.build())


def form_of(documents: DocumentType) -> str:
    """What changes when an index of the type has to be made anew."""
    fields = sorted(
        (
            *(field.name, field.kind.value, field.several, field.ends_in or "", _is_compared(documents, field)),
            *(("sorted",) if field.sorted else ()),
        )
        for field in documents.fields.values()
    )
    return sha256(repr((_FORM, fields)).encode()).hexdigest()[:16]


def shape_of(documents: DocumentType) -> Shape:
    """How documents of the type become columns."""
    return Shape(
        documents,
        numbers=lambda values: {key: ordered(value) for key, value in values.items()},
        moments=dict,
        contents="grams",
        path_contents=tokens.fold,
        has={Kind.WORDS, Kind.STRINGS},
        shares_names=True,
    )


def compared(documents: DocumentType) -> Iterator[str]:
    """The columns by which documents are found that are like another one."""
    return (f"{field.name}.words" for field in documents.fields.values() if _is_compared(documents, field))


def ordered(value: float) -> int:
    """A whole number of 64 bits for each floating point number, in the same order."""
    number: int = struct.unpack(">q", struct.pack(">d", value))[0]
    return number if number >= 0 else _LOWEST - number


def value_of(number: int) -> float:
    """The floating point number that an `ordered` one stands for."""
    bits = number if number >= 0 else _LOWEST - number
    value: float = struct.unpack(">d", struct.pack(">q", bits))[0]
    return value


def _is_compared(documents: DocumentType, field: Field) -> bool:
    return not documents.large and field.kind in SUGGESTED and field.name in documents.asked


def _add(builder: tantivy.SchemaBuilder, field: Field, *, stored: bool) -> None:
    name = field.name

    def text(column: str, tokeniser: str, **options: Any) -> None:
        builder.add_text_field(f"{name}.{column}", tokenizer_name=tokeniser, **options)

    match field.kind:
        case Kind.ID:
            builder.add_integer_field(name, indexed=True, fast=True)
        case Kind.MOMENT | Kind.AMOUNT:
            builder.add_integer_field(name, fast=True)
        case Kind.WORDS:
            text("words", "terms", stored=stored)
            if field.sorted:
                text("whole", _WHOLE, index_option="basic", fast=True)
        case Kind.NAME:
            text("words", "terms", stored=stored)
            text("whole", _WHOLE, index_option="basic", fast=True)
            text("grams", "grams", index_option="basic")
        case Kind.CODE:
            text("whole", _WHOLE, index_option="basic", fast=True)
        case Kind.PATH:
            text("words", "terms")
            text("parts", "terms")
            if field.ends_in is None:
                text("grams", "grams", index_option="basic")
        case Kind.NUMBERS | Kind.MOMENTS:
            builder.add_json_field(name, tokenizer_name=_WHOLE, index_option="basic", fast=True)
        case Kind.STRINGS:
            text("words", "terms")
            text("whole", _WHOLE, index_option="basic")


Types = Mapping[str, DocumentType]
