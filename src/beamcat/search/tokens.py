"""The analysis of text: what counts as a word, and when two texts are the same.

It is written down here alone. Questions are read with it, and documents are cut with it before an engine sees them: the
words of a text, and the components of a path, stand between spaces, and engines cut there and nowhere else. There are
no stop words and there is no stemming: As, At, In and No are elements.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_WORD = 200
"""Characters; longer words are not found."""
LONGEST_WHOLE = 4_000
"""Characters of a whole value that are looked at."""

START, END = "\x02", "\x03"
"""Components that stand before the first and after the last one."""
NAME = "\x04"
"""The component that stands for the last one, when that is the name."""

_WORDS = re.compile(r"[^\W_]+")
_PATH_WORDS = re.compile(r"[^\W\d_]+|\d+")
# the same for folded text that is ASCII, as nearly all of it is: several times as fast
_NO_WORDS = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else ord(" ") for code in range(256))
_ASCII_PATH_WORDS = re.compile(r"[a-z]+|[0-9]+")
_SEPARATORS = re.compile(r"[/\\]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ı": "i",
        "ł": "l",
        "ŋ": "n",
        "þ": "th",
        "ŧ": "t",
    }
)
"""Letters with strokes and ligatures, which Unicode does not take apart."""
_SPECIAL = ' "()[]{}'
_STAND_INS = "\x1f\x1e\x1d\x1c\x1b\x1a\x19\x18"
_IS_SPECIAL = re.compile(r'[ "()\[\]{}]')
_TO_WHOLE = str.maketrans(_SPECIAL, _STAND_INS)
_FROM_WHOLE = str.maketrans(_STAND_INS, _SPECIAL)


def fold(text: str) -> str:
    """Lower case, without accents, control characters as spaces. What is folded already stays as it is."""
    if text.isascii():
        text = text.lower()
        return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)
    text = _plain(_plain(text).casefold()).translate(_LETTERS)
    return _BLANK.sub(" ", text)


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, so that C60, Fe2O3 and id21 stay whole."""
    return [word for word in _WORDS.findall(fold(text)) if len(word) <= LONGEST_WORD]


def path_words(text: str) -> list[str]:
    """The words of a path: runs of letters, and runs of digits."""
    return [word for word in _PATH_WORDS.findall(fold(text)) if len(word) <= LONGEST_WORD]


def components(path: str) -> list[str]:
    """What stands between the slashes, or backslashes, of a path."""
    return [component for component in _SEPARATORS.split(fold(path)) if component]


def whole(text: str) -> str:
    """All of a text, in the form in which it is compared and sorted; `text_of` tells what it was.

    It begins with a sign of its own, since a text that is `*` or `TO` means something else as the end of a range.
    """
    return whole_of(fold(text))


def inside(text: str) -> str:
    """What a `whole` holds when the text holds this."""
    return whole(text)[1:]


def whole_of(folded: str) -> str:
    """The `whole` of a text that has been folded."""
    # translating takes six times as long as looking for something to translate
    told = folded.translate(_TO_WHOLE) if _IS_SPECIAL.search(folded) else folded
    return f"={told[:LONGEST_WHOLE]}"


def text_of(whole: str) -> str:
    """The folded text that a `whole` stands for."""
    return whole[1:].translate(_FROM_WHOLE)


def words_of(folded: str) -> str:
    """The words of a folded text, between spaces."""
    if folded.isascii():
        return folded.encode().translate(_NO_WORDS).decode()
    return " ".join(_WORDS.findall(folded))


def path_words_of(folded: str) -> str:
    """The words of a folded path, between spaces."""
    return " ".join((_ASCII_PATH_WORDS if folded.isascii() else _PATH_WORDS).findall(folded))


def path_of(folded: str, name: str = "") -> str:
    """The components of a folded path, with `START` and `END`, between spaces.

    The last component is `NAME` if it is this folded name.
    """
    begun = f"{START}/{folded}".replace("\\", "/")
    if name and begun.endswith(f"/{name}") and "/" not in name and len(name) <= LONGEST_WHOLE:
        begun = begun[: -len(name)] + NAME
    return component_of(f"{begun}/{END}").replace("/", " ")


def component_of(folded: str) -> str:
    """A folded component as it stands in what `path_of` made: spaces are in it no longer."""
    return folded.replace(" ", _STAND_INS[0])


def _plain(text: str) -> str:
    """Without accents, in the plainest characters there are: `₂` is `2`, `Å` is `A`, `µ` is the Greek letter."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
