"""What a text says, before it is known what its names mean: a small tree, which can be written down again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WILD = "*?"
"""`*` is any characters, `?` exactly one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the text something stands. Two nodes that say the same are equal, wherever they stand."""

    start: int = 0
    end: int = 0


NOWHERE = Span()


@dataclass(frozen=True, slots=True)
class Term:
    """One word as it was typed, without escapes; at the positions of `wild` its `*` and `?` stand for characters."""

    text: str
    wild: tuple[int, ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text in quotes; at most `apart` other words stand between its words."""

    text: str
    apart: int = 0
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """A word, or one that differs from it in at most `edits` letters."""

    text: str
    edits: int
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`; none: open. The unit stands behind it, or behind one of the bounds in their text."""

    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True
    unit: str | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """`operator` is one of `<` `<=` `>` `>=` `=`."""

    operator: str
    value: str
    unit: str | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Named:
    """What is to hold for one field, or parameter, alone."""

    name: str
    part: Node
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boosted:
    """The part counts so many times as much."""

    part: Node
    factor: float


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One of several things side by side; `required` if it has a `+`."""

    part: Node
    required: bool = False


@dataclass(frozen=True, slots=True)
class Clauses:
    """Things side by side, without an operator between them. What that means, the reader says."""

    parts: tuple[Clause, ...]


Node = Term | Phrase | Fuzzy | Range | Compared | Named | Boosted | Not | And | Or | Clauses

NAME = re.compile(r"[^\W\d_][\w.\-]*", re.UNICODE)
"""A name that needs no quotes."""
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
"""A number as people and programs write it."""
COUNTED = re.compile(rf"{NUMBER.pattern}(?:\.\.{NUMBER.pattern})?")
"""What a unit may follow: a number, or two with `..` between them."""
_SPECIAL = re.compile(r'[\s()\[\]{}"^~:<>=*?\\]')
_SIGNS = "+-!"
_KEYWORDS = frozenset(("AND", "OR", "NOT"))


def written(node: Node) -> str:
    """The node as text that is read as the same node."""
    match node:
        case Clauses(parts):
            return " ".join(("+" if clause.required else "") + _among_others(clause.part) for clause in parts)
        case And(parts):
            return " AND ".join(map(_among_others, parts))
        case Or(parts):
            return " OR ".join(map(_among_others, parts))
        case _:
            return _operand(node)


def _among_others(node: Node) -> str:
    """In parentheses if what follows could be taken for its unit."""
    return f"({_operand(node)})" if isinstance(node, Named) and _lacks_a_unit(node.part) else _operand(node)


def _lacks_a_unit(node: Node) -> bool:
    match node:
        case Compared(_, value, None) | Term(value, ()):
            return COUNTED.fullmatch(value) is not None
        case Range(low, high, _, _, None):
            return any(bound and NUMBER.fullmatch(bound) for bound in (low, high))
        case Not(part) | Named(_, part):
            return _lacks_a_unit(part)
        case _:
            return False


def _operand(node: Node) -> str:
    match node:
        case Clauses() | And() | Or():
            return f"({written(node)})"
        case Not(part):
            return f"NOT {_among_others(part)}"
        case Boosted(part, factor):
            inner = f"({_operand(part)})" if isinstance(part, Boosted | Not | Named) else _operand(part)
            return f"{inner}^{f'{factor:.6f}'.rstrip('0').rstrip('.')}"
        case Named(name, Compared(operator, value, unit)):
            return f"{_name(name)} {operator} {_quoted(value)}{_unit(unit)}"
        case Named(name, part):
            inner = f"({_operand(part)})" if isinstance(part, Named | Boosted | Not) else _operand(part)
            return f"{_name(name)}:{inner}"
        case Compared(operator, value, unit):
            return f"{operator}{_quoted(value)}{_unit(unit)}"
        case Range(low, high, includes_low, includes_high, unit):
            opening, closing = "[" if includes_low else "{", "]" if includes_high else "}"
            return f"{opening}{_bound(low)} TO {_bound(high)}{closing}{_unit(unit)}"
        case Phrase(text, apart):
            return _quoted(text) + (f"~{apart}" if apart else "")
        case Fuzzy(text, edits):
            return f"{_escaped(text)}~{edits}"
        case Term(text, wild):
            return f"{text}~0" if text in _KEYWORDS else _escaped(text, wild)


def _name(name: str) -> str:
    return name if NAME.fullmatch(name) and name not in _KEYWORDS else _quoted(name)


def _bound(bound: str | None) -> str:
    return "*" if bound is None else _quoted(bound)


def _unit(unit: str | None) -> str:
    return "" if unit is None else f" [{unit}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str, wild: tuple[int, ...] = ()) -> str:
    kept = set(wild)
    pieces = [
        "\\" + character if position not in kept and _needs_escape(text, position) else character
        for position, character in enumerate(text)
    ]
    return "".join(pieces)


def _needs_escape(text: str, position: int) -> bool:
    character = text[position]
    if _SPECIAL.match(character) or (position == 0 and character in _SIGNS):
        return True
    return character in "&|" and position == 0
