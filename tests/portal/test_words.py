"""Every language says everything, and templates ask for nothing that nobody says."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

from beamcat.portal.rendering import TEMPLATES
from beamcat.portal.words import FOLDER, UnknownWord, Words, load_words

PORTAL = Path(TEMPLATES).parent
USED = re.compile(r"""\bt(?:\.html)?\(\s*["']([a-z0-9_.]+)["']\s*[,)]""")
USED_IN_CODE = re.compile(r"""\bwords(?:\.html)?\(\s*["']([a-z0-9_.]+)["']\s*[,)]""")


@pytest.fixture(scope="module")
def words() -> dict[str, Words]:
    return load_words(("en", "de"))


def texts_of(language: str) -> dict[str, object]:
    return {path.name: tomllib.loads(path.read_text()) for path in (FOLDER / language).glob("*.toml")}


def flat(content: object, name: str = "") -> dict[str, str]:
    if isinstance(content, str):
        return {name: content}
    assert isinstance(content, dict), name
    return {key: text for inner, value in content.items() for key, text in flat(value, f"{name}.{inner}").items()}


def test_both_languages_say_everything_with_the_same_values() -> None:
    english, german = (flat(texts_of(language)) for language in ("en", "de"))
    assert english.keys() == german.keys()
    assert len(english) > 200
    for name, text in english.items():
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(each) if field} for each in (text, german[name])
        ]
        if not name.endswith((".one", ".other")):
            assert fields[0] == fields[1], name


def test_nothing_is_asked_for_that_nobody_says(words: dict[str, Words]) -> None:
    asked = {
        (path.relative_to(PORTAL), name) for path in PORTAL.rglob("*.html") for name in USED.findall(path.read_text())
    } | {
        (path.relative_to(PORTAL), name)
        for path in PORTAL.rglob("*.py")
        for name in USED_IN_CODE.findall(path.read_text())
    }
    assert len(asked) > 200
    assert [(str(path), name) for path, name in sorted(asked) if not words["en"].has(name)] == []


def test_a_number_decides_between_singular_and_plural(words: dict[str, Words]) -> None:
    assert words["en"]("base.basket", n=1) == "Basket, 1 item"
    assert words["de"]("base.basket", n=2) == "Korb, 2 Einträge"


def test_values_in_markup_are_escaped() -> None:
    assert Words("en", {"a.b": "<b>{x}</b>"}).html("a.b", x="<i>") == "<b>&lt;i&gt;</b>"


def test_what_nobody_says_is_an_error(words: dict[str, Words]) -> None:
    with pytest.raises(UnknownWord):
        words["en"]("base.nothing")


def test_a_facility_has_words_of_its_own(tmp_path: Path) -> None:
    """Check 79 of the portal: other words after one reload."""
    (tmp_path / "en.toml").write_text('[base]\nsign_in = "Come in"\n')
    words = load_words(("en", "de"), tmp_path)
    assert words["en"]("base.sign_in") == "Come in"
    assert words["en"]("base.sign_out") == "Sign out"
    assert words["de"]("base.sign_in") == "Anmelden"


def test_a_file_of_words_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text("no toml")
    with pytest.raises(ValueError, match=r"portal.words: .*en\.toml cannot be read"):
        load_words(("en",), tmp_path)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="is no language"):
        load_words(("tlh-klingon-x",))
