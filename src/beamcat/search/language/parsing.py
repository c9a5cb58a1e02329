"""What users type -> tree: the classic syntax of Lucene, comparisons with units, and paths as they are.

From the loosest binding to the tightest: things side by side, OR, AND, and `+`, `-`, NOT before one of them. A strict
reader says what is wrong and where. A lenient one goes on: what it cannot understand it takes for words, or leaves
out, and tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from beamcat.errors import BadParameter
from beamcat.search.language.scanning import BOOST, FUZZY, LONGEST_RANGE, Ignored, Limits, Scanner
from beamcat.search.language.tree import (
    COUNTED,
    NAME,
    NUMBER,
    And,
    Boosted,
    Clause,
    Clauses,
    Compared,
    Fuzzy,
    Named,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Span,
    Term,
)

_COMPARISON = re.compile(r"\s*(<=|>=|<|>|=)(?![<>=])")
_KEYWORD = re.compile(r"(AND|OR|NOT|&&|\|\|)(?=[\s()\"]|\Z)")
_SPELT = {"&&": "AND", "||": "OR"}
_TO = re.compile(r"TO|to")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_MOST_EDITS = 2
_LARGEST_FACTOR = 1000.0


USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree of a text; none if there is nothing in it."""

    tree: Node | None
    ignored: tuple[Ignored, ...] = field(default=())


def parse(
    text: str,
    limits: Limits = USUAL_LIMITS,
    *,
    strict: bool = True,
    is_unit: Callable[[str], bool] = lambda _: False,
) -> Parsed:
    """The tree of a text. `is_unit` says whether a word behind a number is its unit.

    Raises `BadParameter` for a text beyond the limits and, if strict, for one that is malformed.
    """
    if len(text) > limits.max_length:
        raise BadParameter(f"The search text has {len(text)} characters; at most {limits.max_length} are read")
    parser = _Parser(text, limits, strict, is_unit)
    return Parsed(parser.everything(), tuple(parser.ignored))


class _Parser(Scanner):
    """Reads one text. No place is looked at more often than its nesting is deep."""

    def everything(self) -> Node | None:
        return self._side_by_side(0, closing=False)

    # From the loosest binding to the tightest.

    def _side_by_side(self, depth: int, *, closing: bool) -> Node | None:
        clauses: list[Clause] = []
        while self._more():
            if self._text[self._at] == ")":
                if closing:
                    break
                self._problem("there is no ( for this )", self._at, self._at + 1)
                self._at += 1
                continue
            if (keyword := self._keyword(("AND", "OR"))) is not None:
                self._problem(f"{keyword[1]} needs something before it", *keyword.span(1))
                continue
            clause = self._any(depth)
            if clause is not None:
                clauses.append(clause)
        if len(clauses) == 1:
            return clauses[0].part
        return Clauses(tuple(clauses)) if clauses else None

    def _any(self, depth: int) -> Clause | None:
        clause = self._all(depth)
        if clause is None:
            return None
        parts = [clause]
        while (keyword := self._keyword(("OR",))) is not None:
            right = self._all(depth)
            if right is None:
                self._problem(f"{keyword[1]} needs something behind it", *keyword.span(1))
                break
            parts.append(right)
        return parts[0] if len(parts) == 1 else Clause(Or(tuple(part.part for part in parts)))

    def _all(self, depth: int) -> Clause | None:
        clause = self._signed(depth)
        if clause is None:
            return None
        parts = [clause]
        while (keyword := self._keyword(("AND",))) is not None:
            right = self._signed(depth)
            if right is None:
                self._problem(f"{keyword[1]} needs something behind it", *keyword.span(1))
                break
            parts.append(right)
        return parts[0] if len(parts) == 1 else Clause(And(tuple(part.part for part in parts)))

    def _signed(self, depth: int) -> Clause | None:
        self._deep(depth)
        if not self._more() or self._text[self._at] == ")" or self._at_keyword(("AND", "OR")):
            return None
        start = self._at
        if self._keyword(("NOT",)) is not None:
            return self._negated(self._signed(depth + 1), start, "NOT")
        sign = self._text[start]
        if sign in "+-!":
            self._at += 1
            if self._at == len(self._text) or self._text[self._at].isspace():
                self._ignore(start, self._at, "a sign that stands alone")
                return None
            inner = self._signed(depth + 1)
            if sign != "+":
                return self._negated(inner, start, sign)
            return None if inner is None else Clause(inner.part, required=not isinstance(inner.part, Not))
        node = self._operand(depth)
        return None if node is None else Clause(self._boosted(node))

    def _negated(self, inner: Clause | None, start: int, sign: str) -> Clause | None:
        if inner is None:
            self._problem(f"{sign} needs something behind it", start, self._at)
            return None
        return Clause(Not(inner.part))

    def _operand(self, depth: int) -> Node | None:
        start = self._at
        match self._text[start]:
            case "(":
                return self._group(depth)
            case '"':
                quoted = self._quoted()
                if quoted is None:
                    return None
                if self._at < len(self._text) and self._text[self._at] == ":":
                    self._at += 1
                    return self._named(quoted, start, depth)
                return self._comparison(quoted, start) or self._phrase(quoted, start)
            case "[" | "]" | "{" | "}" | "<" | ">" as sign:
                self._problem(f"{sign} needs a name before it, as in size:[1 TO 2] or size > 1", start, start + 1)
                self._at += 1
                return None
        term = self._term(in_value=False)
        if not term.wild and self._at < len(self._text) and self._text[self._at] == ":" and NAME.fullmatch(term.text):
            self._at += 1
            return self._named(term.text, start, depth)
        return (None if term.wild else self._comparison(term.text, start)) or self._fuzzy(term)

    def _group(self, depth: int) -> Node | None:
        start = self._at
        self._deep(depth + 1)
        self._at += 1
        node = self._side_by_side(depth + 1, closing=True)
        if self._at < len(self._text):
            self._at += 1
            if node is None:
                self._problem("there is nothing between ( and )", start, self._at)
        else:
            self._problem("this ( is not closed", start, start + 1)
        return node

    # Words, phrases and conditions.

    def _named(self, name: str, start: int, depth: int) -> Node | None:
        """What stands behind the colon of a name."""
        part = self._value(depth) if self._more() and self._text[self._at] != ")" else None
        if part is not None:
            return Named(name, part, Span(start, self._at))
        self._problem(f"{name}: needs something behind it", start, self._at)
        return self._one(Term(name, span=Span(start, start + len(name))))

    def _value(self, depth: int) -> Node | None:
        start = self._at
        match self._text[start]:
            case "(":
                return self._group(depth)
            case '"':
                quoted = self._quoted()
                return None if quoted is None else self._phrase(quoted, start)
            case "[" | "{":
                return self._range()
            case "<" | ">" | "=":
                match = _COMPARISON.match(self._text, start)
                if match is None:
                    return None
                self._at = match.end()
                return self._compared(match[1], start)
            case "]" | "}":
                return None
        term = self._term(in_value=True)
        if not term.wild and COUNTED.fullmatch(term.text) and (unit := self._unit()) is not None:
            return self._one(Compared("=", term.text, unit, Span(start, self._at)))
        return self._fuzzy(term)

    def _comparison(self, name: str, start: int) -> Node | None:
        """`name < value unit`, or `low < name < high unit`; none if no operator follows."""
        match = _COMPARISON.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        if self._text[start] != '"' and NUMBER.fullmatch(name):
            return self._from_both_sides(name, match[1], start)
        compared = self._compared(match[1], start)
        if compared is None:
            return self._one(Term(name, span=Span(start, match.start())))
        return Named(name, compared, Span(start, self._at))

    def _from_both_sides(self, low: str, operator: str, start: int) -> Node | None:
        name = self._text_of_value()
        if name is None or NUMBER.fullmatch(name):
            self._problem(f"{operator} needs a name on one of its sides", start, self._at)
            return None
        first = Compared(_FLIPPED[operator], low, None, Span(start, self._at))
        match = _COMPARISON.match(self._text, self._at)
        if match is None:
            return Named(name, self._one(first), Span(start, self._at))
        self._at = match.end()
        second = self._compared(match[1], start)
        if second is None:
            return Named(name, self._one(first), Span(start, self._at))
        span = Span(start, self._at)
        both = (Compared(first.operator, low, second.unit, span), second)
        return And(tuple(Named(name, self._one(part), span) for part in both))

    def _compared(self, operator: str, start: int) -> Compared | None:
        value = self._text_of_value()
        if value is None:
            self._problem(f"{operator} needs a value behind it", start, self._at)
            return None
        unit = self._unit() if COUNTED.fullmatch(value) else None
        return self._one(Compared(operator, value, unit, Span(start, self._at)))

    def _text_of_value(self) -> str | None:
        if not self._more():
            return None
        if self._text[self._at] == '"':
            return self._quoted()
        return self._term(in_value=True).text or None

    def _phrase(self, text: str, start: int) -> Node:
        apart = 0
        match = FUZZY.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            apart = int(float(match[1] or 0))
        return self._one(Phrase(text, apart, Span(start, self._at)))

    def _fuzzy(self, term: Term) -> Node | None:
        match = FUZZY.match(self._text, self._at) if term.text else None
        if match is not None:
            self._at = match.end()
            span = Span(term.span.start, self._at)
            if term.wild:
                self._problem("~ does not go together with * and ?", term.span.start, self._at)
            elif edits := _edits(match[1], term.text):
                return self._one(Fuzzy(term.text, edits, span))
        return self._one(term) if term.text else None

    def _boosted(self, node: Node) -> Node:
        match = BOOST.match(self._text, self._at)
        if match is None:
            return node
        self._at = match.end()
        factor = round(float(match[1]), 6)
        if not 0 < factor <= _LARGEST_FACTOR:
            self._problem(f"a weight is more than 0 and at most {_LARGEST_FACTOR:g}", match.start(), match.end())
            return node
        return Boosted(node, factor)

    def _range(self) -> Range | None:
        start = self._at
        self._at += 1
        bounds: list[list[tuple[str, bool]]] = [[]]
        while self._more() and self._text[self._at] not in "[]{}" and self._at < start + LONGEST_RANGE:
            if self._text[self._at] == '"':
                quoted = self._quoted()
                if quoted is not None:
                    bounds[-1].append((quoted, True))
                continue
            word = self._word_of_range()
            if len(bounds) == 1 and _TO.fullmatch(word):
                bounds.append([])
            else:
                bounds[-1].append((word, False))
        if len(bounds) != 2 or not all(bounds) or self._text[self._at : self._at + 1] not in ("]", "}"):
            self._problem("a range is written as [low TO high]", start, self._at)
            self._at = start + 1
            return None
        closing = self._text[self._at]
        self._at += 1
        low, high = (None if bound == [("*", False)] else " ".join(text for text, _ in bound) for bound in bounds)
        unit = self._unit() if any(bound and NUMBER.fullmatch(bound) for bound in (low, high)) else None
        included = self._text[start] == "[", closing == "]"
        return self._one(Range(low, high, *included, unit, Span(start, self._at)))

    def _keyword(self, wanted: tuple[str, ...]) -> re.Match[str] | None:
        """The operator that follows, if it is one of these; it is passed."""
        match = self._at_keyword(wanted)
        if match is not None:
            self._at = match.end()
        return match

    def _at_keyword(self, wanted: tuple[str, ...]) -> re.Match[str] | None:
        match = _KEYWORD.match(self._text, self._after_spaces(self._at))
        return match if match is not None and _SPELT.get(match[1], match[1]) in wanted else None


def _edits(text: str | None, word: str) -> int:
    """How many letters may differ. A fraction is a similarity, as in older versions of Lucene."""
    if text is None:
        return _MOST_EDITS
    value = float(text)
    edits = round((1 - value) * len(word)) if 0 < value < 1 else int(value)
    return min(edits, _MOST_EDITS)
