"""What the page for users shows is read as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beamcat.search.language.meaning import Handling
from beamcat.search.language.reading import BOX, LUCENE, read
from tests.search.language.facility import with_synonyms

PAGE = Path(__file__).parents[3] / "docs/users/searching.md"
EXAMPLES = re.findall(r"^\| `(.+?)` \|", PAGE.read_text(), re.M)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_read(example: str) -> None:
    for entity in ("Investigation", "Dataset", "Datafile"):
        read(example, entity, with_synonyms(), LUCENE)
        notes = read(example, entity, with_synonyms(), BOX).notes
        assert Handling.IGNORED not in {note.handling for note in notes}
