"""Rules in words; who can see this, and why; what can this user see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from beamcat.access.explain import Explanation, OperationVerdict, Standing, explain
from beamcat.access.reach import Part, Reach, reaches, reaching
from beamcat.access.rule_words import in_words
from beamcat.access.stored_rules import StoredRule
from beamcat.errors import BadParameter, BeamcatError
from beamcat.model import ICAT_ENTITIES, icat_entity
from beamcat.portal.administration.entry import admin_page, administrator, whole
from beamcat.portal.page import Asking, Page

NOBODY = "anon/anon"
PAGE = 50
"""Rules of a page of all of them."""
RULES_SHOWN = 5
"""Of those that do not hold; the others are counted."""
SECONDS = 0.5
"""How long counting what somebody sees may take, for each kind of thing."""


@dataclass(frozen=True, slots=True)
class Said:
    """A rule, as people read it. `words` empty: its shape has none, and its text is the only honest account."""

    id: int
    entity: str
    group: str
    flags: str
    words: str
    what: str
    problem: str

    @classmethod
    def of(cls, rule: StoredRule) -> Said:
        """A stored rule."""
        group = "" if rule.group is None else rule.group.name
        words = in_words(rule) or ""
        return cls(rule.id, rule.entity or "", group, rule.crud_flags, words, rule.what, rule.problem or "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may do one thing, the rules that say so, and those that would for others."""

    operation: str
    allowed: bool
    reason: str
    problem: str
    members: tuple[str, ...]
    because: tuple[Said, ...]
    not_for_them: tuple[Said, ...]
    others: int

    @classmethod
    def of(cls, verdict: OperationVerdict) -> Verdict:
        """What the core has found."""
        by: dict[Standing, list[Said]] = {}
        for each in verdict.rules:
            by.setdefault(each.standing, []).append(Said.of(each.rule))
        not_for_them = by.get(Standing.NOT_A_MEMBER, [])
        allowing = by.get(Standing.ALLOWS, [])
        return cls(
            verdict.operation.name.lower(),
            verdict.allowed,
            verdict.reason.name.lower(),
            verdict.problem or "",
            verdict.members,
            tuple(allowing[:RULES_SHOWN]),
            tuple(not_for_them[:RULES_SHOWN]),
            len(verdict.rules) - len(allowing[:RULES_SHOWN]) - len(not_for_them[:RULES_SHOWN]),
        )


async def rights(asking: Asking) -> Response:
    """GET /admin/rights: the rules, and the answers to `entity`, `id` and `user`."""
    administrator(asking)
    user, entity, text = (asking.query.get(name, "").strip() for name in ("user", "entity", "id"))
    verdicts: tuple[Verdict, ...] = ()
    told: Explanation | None = None
    seen: Sequence[Reach] = ()
    problem = ""
    try:
        identifier = whole(text)
        if entity and identifier is not None:
            told = await _explained(asking, entity, identifier, user or NOBODY)
            verdicts = tuple(Verdict.of(each) for each in told.operations)
        elif user:
            seen = await _seen(asking, user)
    except BeamcatError as error:
        problem = error.message
    start = await reaching(asking.core.database, asking.core.settings.catalogue.root_user_names, user or NOBODY)
    rules = sorted((Said.of(rule) for rule in start.rules.rules), key=lambda rule: (rule.entity, rule.id))
    first = whole(asking.query.get("rules", "")) or 0
    return await admin_page(
        asking,
        "rights.html",
        entities=sorted(ICAT_ENTITIES),
        user=user,
        entity=entity or "Dataset",
        identifier=text,
        told=told,
        verdicts=verdicts,
        seen=seen,
        problem=problem,
        known=start.user,
        rules=rules,
        shown_rules=rules[first : first + PAGE],
        more=first + PAGE if len(rules) > first + PAGE else None,
    )


async def _explained(asking: Asking, name: str, identifier: int, user: str) -> Explanation:
    if name not in ICAT_ENTITIES:
        raise BadParameter(f"There is no entity {name}")
    roots = asking.core.settings.catalogue.root_user_names
    return await explain(asking.core.database, roots, icat_entity(name), identifier, user)


async def _seen(asking: Asking, user: str) -> list[Reach]:
    """What a user may read, of the things that anything may be read of."""
    start = await reaching(asking.core.database, asking.core.settings.catalogue.root_user_names, user)
    found = [each async for each in reaches(asking.core.database, start, seconds=SECONDS)]
    return [each for each in found if each.part is not Part.NOTHING and (each.count is None or each.count > 0)]


PAGES = (Page("/admin/rights", rights, "admin-rights"),)
