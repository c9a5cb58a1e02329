"""The words of both query languages (ICAT specification D.2, D.9): text -> tokens.

Token types are ICAT's own, as its error messages show them; a keyword is its own type. White space of any kind
separates.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from beamcat.errors import BadParameter

Token = tuple[str, str]
"""The type of a token and its text: keywords upper-cased, strings without their quotes."""

END = "END"
"""The type of what is behind the last token."""

RESERVED = "RESERVED"
"""The type of keywords that may not be used for anything."""


def _keywords(words: str) -> dict[str, str]:
    return {word: word for word in words.split()}


JPQL_KEYWORDS = {
    **_keywords(
        "ABS ALL AND ANY AS ASC AVG BETWEEN BOTH BY CONCAT COUNT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DESC "
        "DISTINCT EMPTY ESCAPE FALSE FETCH FROM GROUP HAVING IN INCLUDE INNER IS JOIN LEADING LEFT LENGTH LIKE LIMIT "
        "LOCATE LOWER MAX MEMBER MIN MOD NOT NULL OBJECT OR ORDER OUTER SELECT SIZE SQRT SUBSTRING SUM TRAILING TRIM "
        "TRUE UPPER WHERE"
    ),
    **dict.fromkeys(("DIV", "MINUS", "MULT", "PLUS", "REAL", "TIMESTAMP"), RESERVED),
}
"""The keywords of the JPQL style and their token types."""

CONCISE_KEYWORDS = {
    **_keywords("AND ASC AVG BETWEEN BY COUNT DESC DISTINCT IN INCLUDE MAX MIN NOT OR ORDER SUM"),
    "LIKE": "COMPOP",
}
"""The keywords of the concise syntax and their token types."""

_SYMBOLS = {
    "(": "OPENPAREN",
    ")": "CLOSEPAREN",
    ",": "COMMA",
    "+": "PLUS",
    "-": "MINUS",
    "*": "MULT",
    "/": "DIV",
    "[": "BRA",
    "]": "KET",
    "<->": "ENTSEP",
}

# Quantifiers are possessive so that nothing is tried twice. NUL is never part of a string: PostgreSQL has none.
_SHARED = r"""
    | (?P<STRING>'(?:[^'\0]++|'')*+')
    | (?P<COMPOP><>|<=|>=|!=|=|<|>)
    | (?P<PARAMETER>:\w++)
    | (?P<TIMESTAMP>\{[^}]*+\})
    | (?P<END>\Z)
    | (?P<BAD>.)
    )
"""
_JPQL = re.compile(
    r"""\s*+(?:
      (?P<NAME>(?:[^\W\d]|\$)[\w.$]*+)
    | (?P<SYMBOL>[(),+\-*/])
    | (?P<INTEGER>[0-9]++(?![.eE]))
    | (?P<REAL>[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?+(?![.eE]))
    """
    + _SHARED,
    re.VERBOSE | re.DOTALL,
)
_CONCISE = re.compile(
    r"""\s*+(?:
      (?P<NAME>[^\W\d_][\w.]*+)
    | (?P<SYMBOL>[(),\[\]]|<->)
    | (?P<INTEGER>-?[0-9]++(?![.eE]))
    | (?P<REAL>-?[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?+(?![.eE]))
    """
    + _SHARED,
    re.VERBOSE | re.DOTALL,
)
_REAL = re.compile(r"-?[0-9][0-9.eE+-]*+")
_TIMESTAMP = re.compile(r"\{\s*ts\s+([0-9]{4}-[0-9]{2}-[0-9]{2})\s+([0-9]{2}:[0-9]{2}:[0-9]{2})\s*\}")

_LARGEST_INTEGER = 2**63


def jpql_tokens(text: str) -> list[Token]:
    """The tokens of a JPQL-style query; `-` is always a token by itself. `BadParameter` for what is none."""
    return _tokens(text, _JPQL, JPQL_KEYWORDS)


def concise_tokens(text: str) -> list[Token]:
    """The tokens of a concise query; `-` is always part of a number. `BadParameter` for what is none."""
    return _tokens(text, _CONCISE, CONCISE_KEYWORDS)


def integer_value(text: str) -> int:
    """The value of an INTEGER token; `BadParameter` for what no 64-bit integer can hold."""
    digits = text.lstrip("-").lstrip("0") or "0"
    # The length first: Python refuses to read thousands of digits.
    if len(digits) > 19 or int(digits) > _LARGEST_INTEGER:
        raise BadParameter(f"Number {text[:40]} is out of range")
    return -int(digits) if text.startswith("-") else int(digits)


def real_value(text: str) -> float:
    """The value of a REAL token; `BadParameter` for what no double can hold."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadParameter(f"Number {text[:40]} is out of range")
    return value


def timestamp_value(text: str) -> datetime:
    """The moment of a TIMESTAMP token, aware, read as UTC."""
    match = _TIMESTAMP.fullmatch(text)
    try:
        if match is not None:
            return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
    except ValueError:  # no such day, or no such time of day
        pass
    raise BadParameter(f"Timestamp {text} is not of form {{ts yyyy-mm-dd hh:mm:ss}}.")


def _tokens(text: str, pattern: re.Pattern[str], keywords: dict[str, str]) -> list[Token]:
    tokens: list[Token] = []
    for match in pattern.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        word = match[kind]
        match kind:
            case "NAME":
                upper = word.upper()
                tokens.append((keywords[upper], upper) if upper in keywords else ("NAME", word))
            case "SYMBOL":
                tokens.append((_SYMBOLS[word], word))
            case "STRING":
                tokens.append(("STRING", word[1:-1].replace("''", "'")))
            case "TIMESTAMP":
                timestamp_value(word)
                tokens.append((kind, word))
            case "END":
                break
            case "BAD":
                raise _no_token(text, match.start(kind))
            case _:
                tokens.append((kind, word))
    return tokens


def _no_token(text: str, start: int) -> BadParameter:
    """The error for text of which no token can be made, in ICAT's words and with the names of its states."""
    match text[start]:
        case "'":
            return _end_of_string(text, "INQUOTES")
        case "{":
            return _end_of_string(text, "TIMESTAMP")
        case "!":
            return _unexpected(text, start + 1, "NOT")
        case _:
            number = _REAL.match(text, start)
            return _unexpected(text, start, "NONE") if number is None else _unexpected(text, number.end(), "REAL")


def _unexpected(text: str, position: int, state: str) -> BadParameter:
    if position >= len(text):
        return _end_of_string(text, state)
    near = text[max(0, position - 4) : position + 5]
    return BadParameter(f"Unexpected character '{text[position]}' near \"{near}\" in state {state} for string: {text}")


def _end_of_string(text: str, state: str) -> BadParameter:
    return BadParameter(f"Unexpected end of string in state {state} for string: {text}")
