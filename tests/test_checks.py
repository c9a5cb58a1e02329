"""The table of the data service's checklist names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs/developers/data-service-checks.md"
ROWS = ["56a", *map(str, [*range(1, 89), 90, 91, *range(111, 138)])]


def rows() -> dict[str, list[tuple[str, str]]]:
    """The tests of each row: file and name."""
    lines = (line.split("|") for line in TABLE.read_text().splitlines() if re.match(r"\| \d", line))
    return {row.strip(): re.findall(r"`([^`]+)::(\w+)`", tests) for _, row, tests, _ in lines}


def test_every_row_has_a_test_that_is_there() -> None:
    found = rows()
    assert sorted(found) == sorted(ROWS)
    for row, tests in found.items():
        assert tests, row
        for file, name in tests:
            assert re.search(rf"def {name}\(", (TESTS / file).read_text()), f"{row}: {file}::{name}"
