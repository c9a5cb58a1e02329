"""A place in the tokens of a query, and ICAT's words for a token that should not be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.query.lexer import END, Token

MAX_ARITHMETIC = 100
"""Most arithmetic operators in one query: `a + b + c` makes a tree as deep as it has operators."""

_PRINTED = {"COMPOP": ">, <, !=, =, <>, >=, <=", "OPENPAREN": "(", "CLOSEPAREN": ")"}


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How large a query may be: characters, nested parentheses (and steps of one path), relations in INCLUDE."""

    max_length: int
    max_nesting: int
    max_includes: int


class Cursor:
    """The tokens of one query, read from left to right.

    `kind` is the type of the token to be read next, `END` behind the last one; `text` is its text.
    """

    __slots__ = ("_arithmetic", "_depth", "_tokens", "kind", "limits", "position", "text")

    def __init__(self, tokens: Sequence[Token], limits: ParseLimits) -> None:
        # Two sentinels: one may look at the next token, and at the one behind it.
        self._tokens = (*tokens, (END, ""), (END, ""))
        self._depth = 0
        self._arithmetic = 0
        self.limits = limits
        self.seek(0)

    def seek(self, position: int) -> None:
        """Continue at that token."""
        self.position = position
        self.kind, self.text = self._tokens[position]

    def token(self, position: int) -> Token:
        """The token at a position up to the end."""
        return self._tokens[position]

    def next_kind(self) -> str:
        """The type of the token behind the current one; only asked while the current one is not the end."""
        return self._tokens[self.position + 1][0]

    def advance(self) -> str:
        """Step over the current token, whatever it is; its text."""
        text = self.text
        self.position += 1
        self.kind, self.text = self._tokens[self.position]
        return text

    def accept(self, kind: str) -> bool:
        """Step over the current token if it is of that type."""
        if self.kind != kind:
            return False
        self.advance()
        return True

    def consume(self, *kinds: str) -> str:
        """Step over a token of one of these types; its text. `BadParameter` for any other token."""
        if self.kind not in kinds:
            raise self.unexpected(*kinds)
        return self.advance()

    def at_word(self, word: str) -> bool:
        """Whether the current token is that word, one that only means something in this place."""
        return self.kind == "NAME" and self.text.upper() == word

    def accept_word(self, word: str) -> bool:
        """Step over the current token if it is that word."""
        if not self.at_word(word):
            return False
        self.advance()
        return True

    def consume_word(self, word: str) -> None:
        """Step over that word. `BadParameter` for any other token."""
        if not self.accept_word(word):
            raise self.unexpected(word)

    def end(self) -> None:
        """`BadParameter` unless all tokens were read."""
        if self.kind != END:
            raise BadParameter(f"No more input expected at token {self._surroundings()}")

    def unexpected(self, *kinds: str) -> BadParameter:
        """The error for a current token that is of none of these types."""
        if self.kind == END:
            return BadParameter("Attempt to read beyond end")
        types = ", ".join(_PRINTED.get(kind, kind) for kind in kinds)
        return BadParameter(f"Expected token from types [{types}] at token {self._surroundings()}")

    def descend(self) -> None:
        """Note that a parenthesis, function, CASE or subquery is entered; `BadParameter` beyond `max_nesting`."""
        self._depth += 1
        if self._depth > self.limits.max_nesting:
            raise BadParameter(f"query is nested more than {self.limits.max_nesting} levels deep")

    def ascend(self) -> None:
        """Note that it was left."""
        self._depth -= 1

    def count_arithmetic(self) -> None:
        """Note an arithmetic operator; `BadParameter` beyond `MAX_ARITHMETIC`."""
        self._arithmetic += 1
        if self._arithmetic > MAX_ARITHMETIC:
            raise BadParameter(f"query has more than {MAX_ARITHMETIC} arithmetic operators")

    def steps(self, name: str) -> tuple[str, tuple[str, ...]]:
        """The variable of a path, upper-cased, and its steps; `BadParameter` beyond `max_nesting` steps."""
        variable, *steps = name.split(".")
        if len(steps) > self.limits.max_nesting:
            raise BadParameter(f"path {variable}... has more than {self.limits.max_nesting} steps")
        return variable.upper(), tuple(steps)

    def variable(self) -> str:
        """Step over `[AS] variable`; the variable as written. `BadParameter` for a path."""
        self.accept("AS")
        name = self.consume("NAME")
        if "." in name:
            raise BadParameter(f"Variable {name} must not contain a '.'")
        return name

    def _surroundings(self) -> str:
        before = "".join(f"{text} " for _, text in self._tokens[max(0, self.position - 2) : self.position])
        after = "".join(f"{text} " for kind, text in self._tokens[self.position + 1 : self.position + 3] if kind != END)
        return f"{self.text} in {before}< {self.text} > {after}"
