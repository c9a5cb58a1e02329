"""What OpenSearch is told of the columns of documents.

Nothing is left to it: mappings are strict, and text has been folded before, so that the analysers only cut it. Numbers
of parameters are nested documents of key and value: one field per parameter type would make the mapping of every index
grow with the catalogue, and `flat_object` knows no ranges of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from beamcat.search import tokens
from beamcat.search.columns import HAS, SUGGESTED, Shape
from beamcat.search.fields import DocumentType, Field, Kind

_FORM = 2
"""Counts changes of this file that need a new index."""
MOST_IDS = 1_000_000
"""Ids that one set in a question may hold."""
MOST_PARAMETERS = 100_000
"""Of one document."""

_TEXT = frozenset({Kind.WORDS, Kind.NAME, Kind.CODE, Kind.PATH, Kind.STRINGS})
_INTEGER = {"type": "long"}
_WHOLE = {"type": "keyword"}
# the gap is what one other word between two values is for the embedded engine
_TERMS = {"type": "text", "analyzer": "terms", "position_increment_gap": 1}
# with its own copy of the values: otherwise it would look them up in `_source`
_CONTENT = {"type": "wildcard", "doc_values": True}


def settings_of(*, shards: int) -> dict[str, Any]:
    """The settings of an index that is built: it is neither copied nor searched until it is complete."""
    return {
        "number_of_shards": shards,
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "max_terms_count": MOST_IDS,
        "mapping.nested_objects.limit": MOST_PARAMETERS,
        "analysis": {
            "tokenizer": {"terms": {"type": "pattern", "pattern": "[^ ]+", "group": 0}},
            "filter": {"not_too_long": {"type": "length", "max": tokens.LONGEST_WORD * 4}},
            "analyzer": {"terms": {"type": "custom", "tokenizer": "terms", "filter": ["not_too_long"]}},
        },
    }


def mappings_of(documents: DocumentType) -> dict[str, Any]:
    """The columns of a type."""
    properties: dict[str, Any] = {"id": _INTEGER, HAS: _TERMS}
    for field in documents.fields.values():
        properties[field.name] = _column(documents, field)
    # the text of documents is compared with that of others, but for those of which there may be billions
    return {"dynamic": "strict", "_source": {"enabled": not documents.large}, "properties": properties}


def form_of(documents: DocumentType) -> str:
    """What changes when an index of the type has to be made anew."""
    told = (_FORM, mappings_of(documents), settings_of(shards=1))
    return sha256(repr(told).encode()).hexdigest()[:16]


def shape_of(documents: DocumentType) -> Shape:
    """How documents of the type become columns."""
    return Shape(
        documents,
        numbers=_nested,
        moments=_nested,
        contents="content",
        path_contents=content_of_path,
        has=_TEXT,
        each=True,
    )


def compared(documents: DocumentType) -> list[str]:
    """The columns by which documents are found that are like another one."""
    named = (documents.fields[name] for name in documents.asked)
    return [f"{field.name}.words" for field in named if field.kind in SUGGESTED]


def content_of_path(path: str) -> str:
    """A path as it is compared with patterns: each component stands between slashes."""
    return "".join(f"/{component}" for component in tokens.components(path)) + "/"


def _nested(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"k": int(key), "v": value} for key, value in values.items()]


def _column(documents: DocumentType, field: Field) -> dict[str, Any]:
    columns: dict[str, Any]
    match field.kind:
        case Kind.ID | Kind.MOMENT | Kind.AMOUNT:
            return _INTEGER
        case Kind.NUMBERS:
            return {"type": "nested", "properties": {"k": _INTEGER, "v": {"type": "double"}}}
        case Kind.MOMENTS:
            return {"type": "nested", "properties": {"k": _INTEGER, "v": _INTEGER}}
        case Kind.WORDS:
            columns = {"words": _TERMS, **({"whole": _WHOLE} if field.sorted else {})}
        case Kind.NAME:
            columns = {"words": _TERMS, "whole": _WHOLE, "content": _CONTENT}
        case Kind.CODE:
            columns = {"whole": _WHOLE}
        case Kind.PATH:
            columns = {"words": _TERMS, "parts": _TERMS, "content": _CONTENT}
        case Kind.STRINGS:
            columns = {"words": _TERMS, "whole": _WHOLE}
    if field.kind in SUGGESTED and field.name in documents.asked:
        columns["each"] = {"type": "keyword", "index": False}
    return {"properties": columns}
