"""What the pages say, in each language: one file per subject, `<language>/<subject>.toml`.

A text is named `subject.key`. Values stand in braces: `"{n} files"`. Where a number decides, a text is a table of
CLDR's plural categories (`one`, `other`). A facility's own words take the place of these, text by text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent
USUAL = "en"
"""The language that has all texts: where another lacks one, this one is shown."""

Text = str | Mapping[str, str]


class UnknownWord(KeyError):
    """A template names a text that there is not."""


class Words:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, Text]) -> None:
        self.language = language
        self.locale = Locale.parse(language.replace("-", "_"))
        self._texts = texts

    def __call__(self, name: str, /, **values: Any) -> str:
        """The text of that name with these values; `n` decides between singular and plural."""
        return self._text(name, values).format_map(values) if values else self._text(name, values)

    def html(self, name: str, /, **values: Any) -> Markup:
        """A text that holds markup; values are escaped."""
        return Markup(self._text(name, values)).format_map({key: escape(value) for key, value in values.items()})  # noqa: S704

    def names(self) -> frozenset[str]:
        """All there are."""
        return frozenset(self._texts)

    def has(self, name: str) -> bool:
        """Whether there is such a text."""
        return name in self._texts

    def _text(self, name: str, values: Mapping[str, Any]) -> str:
        try:
            text = self._texts[name]
        except KeyError:
            raise UnknownWord(name) from None
        if isinstance(text, str):
            return text
        return text.get(self.locale.plural_form(values.get("n", 0)), text["other"])


def load_words(languages: tuple[str, ...], own: Path | None = None) -> dict[str, Words]:
    """The words of these languages, with a facility's own from the files in a folder.

    Raises `ValueError` for a language that there is not, and for a file that cannot be read.
    """
    usual = _shipped(USUAL)
    return {
        language: Words(_known(language), {**usual, **_shipped(language), **_own(own, language)})
        for language in languages
    }


def _known(language: str) -> str:
    try:
        Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"portal.languages: {language!r} is no language; give codes such as en or de") from None
    return language


@cache
def _shipped(language: str) -> Mapping[str, Text]:
    texts: dict[str, Text] = {}
    for path in sorted((FOLDER / language).glob("*.toml")):
        texts |= _flat(tomllib.loads(path.read_text()), path.stem)
    return texts


def _own(folder: Path | None, language: str) -> dict[str, Text]:
    if folder is None or not (path := folder / f"{language}.toml").is_file():
        return {}
    try:
        subjects = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"portal.words: {path} cannot be read: {error}") from error
    texts: dict[str, Text] = {}
    for subject, content in subjects.items():
        texts |= _flat(content, subject)
    return texts


def _flat(content: Mapping[str, Any], subject: str) -> dict[str, Text]:
    flat: dict[str, Text] = {}
    for key, text in content.items():
        is_plural = isinstance(text, dict) and "other" in text
        if isinstance(text, dict) and not is_plural:
            flat |= _flat(text, f"{subject}.{key}")
        else:
            flat[f"{subject}.{key}"] = text
    return flat
