"""Where words stand: the text stays as it is, and nothing is marked that was not looked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.search.documents import DOCUMENTS
from beamcat.search.highlighting import AROUND, MOST_PASSAGES, Highlighting
from beamcat.search.language.reading import BOX
from beamcat.search.wanted import Highlight
from tests.search.language.facility import MemoryDocuments, asked, with_synonyms


async def highlights(text: str, field: str, *values: str, entity: str = "Datafile") -> Highlight | None:
    match = await asked(text, entity, BOX, MemoryDocuments(answer=()), with_synonyms())
    found = Highlighting(DOCUMENTS[entity].type, match).of({"it": (field, values)})
    return found[0] if found else None


async def marked(text: str, field: str, *values: str, entity: str = "Datafile") -> list[str]:
    found = await highlights(text, field, *values, entity=entity)
    return [] if found is None else [piece.text for passage in found.passages for piece in passage if piece.match]


@pytest.mark.parametrize(
    ("text", "field", "value", "expected"),
    (
        ("oxide iron", "description", "Iron oxides, and an OXIDE of iron", ["Iron", "OXIDE", "iron"]),
        ("muller", "description", "von Herrn Müller", ["Müller"]),
        ("strasse", "description", "in der Straße 5", ["Straße"]),
        ("iron", "description", "the Fe and the iron", ["Fe", "iron"]),
        ('"thin film"', "description", "film thin film of thin glass", ["thin", "film"]),
        ('"thin film"~2', "description", "a thin new film", ["thin", "film"]),
        ("neutr*", "description", "Neutron and neutrons, neuter", ["Neutron", "neutrons"]),
        ("te?t", "description", "test text tent", ["test", "text", "tent"]),
        ("spectroscpy~1", "description", "spectroscopy", ["spectroscopy"]),
        ("rust -glass", "description", "rust and glass", ["rust"]),
        ("NOT rust", "description", "rust", []),
        ("raw/scan_0042", "path", "/data/raw/scan_0042/x.h5", ["raw", "scan_0042"]),
        ("scan_0042", "path", "/data/scan_0042.nxs", ["scan", "0042"]),
        ("*.nxs", "path", "/data/scan_0042.nxs", ["scan_0042.nxs"]),
        ("*ark_fie*", "path", "raw/dark_field.tif", ["ark_fie"]),
        ("name:*_00*", "name", "scan_0042", ["_00"]),
        ("10.5072/abc", "doi", "10.5072/ABC", ["10.5072/ABC"]),
        ("doi:10.5072*", "doi", "10.5072/ABC", ["10.5072"]),
        ("name:scan", "description", "a scan", []),
        ("size > 5", "name", "5", []),
    ),
)
async def test_what_was_looked_for_is_marked(text: str, field: str, value: str, expected: list[str]) -> None:
    assert await marked(text, field, value) == expected


async def test_passages_are_around_what_was_found() -> None:
    text = "Word " * 100 + "iron here " + "and more " * 100 + "iron again " + "to the end " * 100
    found = await highlights("iron", "description", text)
    assert found is not None
    assert found.cut_before == found.cut_after == (True, True)
    for passage in found.passages:
        whole = "".join(piece.text for piece in passage)
        assert whole in text
        assert len(whole) <= AROUND
        assert whole.split()[0] in {"Word", "and", "more", "iron", "here", "again"}


async def test_there_are_not_too_many() -> None:
    found = await highlights("iron", "description", *["iron " + "x" * 300] * 50)
    assert found is not None
    assert len(found.passages) == MOST_PASSAGES


def _whole(found: Highlight) -> Sequence[str]:
    return ["".join(piece.text for piece in passage) for passage in found.passages]


@given(st.text(max_size=400), st.sampled_from(("iron", "a*", "*e*", '"a b"', "name:x*", "b~1", "a/b", "ſ", "İ", "*ß*")))
async def test_no_text_is_changed(text: str, query: str) -> None:
    for field in ("description", "name", "path", "doi"):
        found = await highlights(query, field, text)
        if found is not None:
            assert all(passage in text for passage in _whole(found))
            assert any(piece.match and piece.text for passage in found.passages for piece in passage)
