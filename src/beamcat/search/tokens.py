"""The analysis of text: what counts as a word, and when two texts are the same.

It is written down here alone. Questions are read with it, and documents are brought into this form before an engine
sees them, so that engines only have to cut them: `WORD`, `PATH_WORD` and `COMPONENT` are what they cut by. There are no
stop words and there is no stemming: As, At, In and No are elements.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_WORD = 200
"""Characters; longer words are not found."""
LONGEST_WHOLE = 4_000
"""Characters of a whole value that are looked at."""

WORD = r"[a-z0-9\u0080-\U0010ffff]+"
"""How an engine cuts text that `words_of` made, as a regular expression for Python."""
PATH_WORD = r"[a-z\u0080-\U0010ffff]+|[0-9]+"
"""How it cuts text that `path_words_of` made."""
COMPONENT = r"[^/]+"
"""How it cuts a path that `path_of` made."""
START, END = "\x02", "\x03"
"""Components that stand before the first and after the last one."""

_WORDS = re.compile(r"[^\W_]+")
_PATH_WORDS = re.compile(r"[^\W\d_]+|\d+")
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
    return "=" + inside(text)


def inside(text: str) -> str:
    """What a `whole` holds when the text holds this."""
    return fold(text)[:LONGEST_WHOLE].translate(_TO_WHOLE)


def text_of(whole: str) -> str:
    """The folded text that a `whole` stands for."""
    return whole[1:].translate(_FROM_WHOLE)


def words_of(text: str) -> str:
    """A text in which an engine finds the words by cutting it by `WORD`."""
    folded = fold(text)
    return folded if folded.isascii() else " ".join(_WORDS.findall(folded))


def path_words_of(text: str) -> str:
    """A path in which an engine finds the words by cutting it by `PATH_WORD`."""
    folded = fold(text)
    return folded if folded.isascii() else " ".join(_PATH_WORDS.findall(folded))


def path_of(path: str) -> str:
    """A path in which an engine finds the components, with `START` and `END`, by cutting it by `COMPONENT`."""
    return f"{START}/{fold(path).replace(chr(92), '/')}/{END}"


def _plain(text: str) -> str:
    """Without accents, in the plainest characters there are: `₂` is `2`, `Å` is `A`, `µ` is the Greek letter."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
