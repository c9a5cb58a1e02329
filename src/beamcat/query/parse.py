"""From the text of a query, in either ICAT query language, to the tree: the ways in.

A text that starts with SELECT is in the JPQL style; any other is in the concise syntax and is translated to
the same tree (ICAT specification D.1). Only `BadParameter` is raised, with ICAT's texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.model import Entity
from beamcat.query import concise, jpql
from beamcat.query.cursor import Cursor, ParseLimits
from beamcat.query.lexer import Token, concise_tokens, jpql_tokens
from beamcat.query.tree import Get, Path, Query

__all__ = ["ParseLimits", "RuleText", "parse_get", "parse_rule", "parse_search"]


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule says: it speaks of the `entity` objects that `query` selects by its single path, `variable`.

    `attribute` is the only member that the rule allows to update; None means all of the object.
    """

    entity: str
    variable: str
    attribute: str | None
    query: Query


def parse_search(text: str | None, limits: ParseLimits) -> Query:
    """The tree of a search query (D.3, D.9)."""
    query = _checked(text, limits, "query may not be null")
    with _bounded_recursion():
        if _is_jpql(query):
            return jpql.search_query(_cursor(query, jpql_tokens, limits))
        return concise.search_query(_cursor(query, concise_tokens, limits))


def parse_get(text: str | None, limits: ParseLimits) -> Get:
    """The tree of a get query (D.8); it is in the concise syntax when its second word is INCLUDE."""
    query = _checked(text, limits, "query may not be null")
    with _bounded_recursion():
        words = query.split(maxsplit=2)
        if len(words) > 1 and words[1].upper() == "INCLUDE":
            return concise.get_query(_cursor(query, concise_tokens, limits))
        return jpql.get_query(_cursor(query, jpql_tokens, limits))


def parse_rule(text: str | None, limits: ParseLimits) -> RuleText:
    """What the `what` of a rule says (E.2): nothing but `SELECT variable[.member] FROM ... [WHERE ...]`."""
    what = _checked(text, limits, "'what' must not be null")
    with _bounded_recursion():
        if _is_jpql(what):
            selected, entity, query = jpql.rule_query(_cursor(what, jpql_tokens, limits))
        else:
            selected, entity, query = concise.rule_query(_cursor(what, concise_tokens, limits))
        return RuleText(entity.name, selected.variable, _attribute(selected, entity), query)


def _attribute(selected: Path, entity: Entity) -> str | None:
    if not selected.steps:
        return None
    name = ".".join(selected.steps)
    if name not in entity.members:
        raise BadParameter(f"class org.icatproject.core.entity.{entity.name} does not have attribute {name}")
    return name


def _is_jpql(text: str) -> bool:
    return text.lstrip()[:6].upper() == "SELECT"


def _cursor(text: str, tokens: Callable[[str], list[Token]], limits: ParseLimits) -> Cursor:
    return Cursor(tokens(text), limits)


def _checked(text: str | None, limits: ParseLimits, when_absent: str) -> str:
    if text is None:
        raise BadParameter(when_absent)
    if len(text) > limits.max_length:
        raise BadParameter(f"query is longer than {limits.max_length} characters")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadParameter("query holds half of a character (a lone surrogate)")
    return text


@contextmanager
def _bounded_recursion() -> Iterator[None]:
    """Turn Python's own limit into ours, for a site whose `max_nesting` is beyond it."""
    try:
        yield
    except RecursionError:
        raise BadParameter("query is nested too deeply") from None
