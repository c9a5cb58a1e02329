"""The lines of a dump that arrives in pieces: never more than one piece and one line are held."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from beamcat.errors import BadParameter, TooLarge

LONGEST_LINE = 2**20
"""Bytes of one line; the longest row that an object needs has about a tenth of that."""

BLANKS = "".join(map(chr, range(33)))
"""What is trimmed from both ends of a line: the blank, and all control characters."""


async def lines_of(pieces: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, str]]:
    """The trimmed lines with their numbers, from 1.

    Raises `BadParameter` for a line that is not UTF-8 or holds a NUL, and `TooLarge` for one beyond `LONGEST_LINE`.
    """
    number = 0
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            yield number, _text(line, number)
        if len(rest) > LONGEST_LINE:
            raise _too_long(number + 1)
    if rest:
        yield number + 1, _text(rest, number + 1)


def _text(line: bytes, number: int) -> str:
    if len(line) > LONGEST_LINE:
        raise _too_long(number)
    if b"\0" in line:
        raise BadParameter(f"A line must not contain the character U+0000 at line {number}", number)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadParameter(f"The file must be UTF-8 at line {number}", number) from None
    return text.removeprefix("\ufeff").strip(BLANKS) if number == 1 else text.strip(BLANKS)


def _too_long(number: int) -> TooLarge:
    return TooLarge(f"A line may have at most {LONGEST_LINE} bytes at line {number}", number)
