"""What `SearchRights` says, beside what the catalogue answers, for random rules and readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from beamcat.config import SearchRightsSettings
from beamcat.errors import BeamcatError
from beamcat.search.documents import DOCUMENTS
from beamcat.search.rights import SearchRights
from tests.properties.rules import READERS, RuleText
from tests.search.rights.facility import SearchedFacility
from tests.search.rights.rules import DocumentRules

LIMITS = (100_000, 1, 2, 4)
"""Ids that a set may have."""


@dataclass
class Tally:
    """How many cases there were, and what they were like."""

    cases: int = 0
    exact: int = 0
    partial: int = 0
    narrowed: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cases} cases, {self.exact} exact, {self.partial} of a part of the objects, "
            f"{self.narrowed} inexact but narrower than everything, "
            f"{self.unanswered} with rules that the catalogue cannot answer; {len(self.wrong)} wrong"
        )


async def try_rules(facility: SearchedFacility, seed: str, tally: Tally) -> None:
    """One set of rules for every entity, some readers, and one limit: each of the entities is a case."""
    rng = Random(seed)
    rules = random_rules(rng, facility)
    await facility.set_rules(rules)
    limit = rng.choice(LIMITS)
    rights = SearchRights(facility.database, facility.rulebooks, SearchRightsSettings(ids=limit))
    for reader in rng.sample(READERS, 3):
        caller = await facility.caller(reader)
        for entity in DOCUMENTS:
            allowed = await rights.allowed(caller, entity)
            documents = facility.documents[entity]
            found = {each["id"] for each in documents.every if documents.matches(each, allowed.predicate)}
            try:
                readable = await facility.readable(caller, entity)
            except BeamcatError:
                tally.unanswered += 1
                continue
            tally.cases += 1
            tally.exact += allowed.exact
            tally.partial += 0 < len(readable) < len(documents.every)
            tally.narrowed += not allowed.exact and len(found) < len(documents.every)
            if not (found == readable if allowed.exact else found >= readable):
                texts = "\n".join(f"  {rule.grouping}: {rule.what}" for rule in rules if entity in rule.what)
                tally.wrong.append(
                    f"{seed} (at most {limit}): {entity} of {reader}: {sorted(found)} instead of {sorted(readable)}"
                    f" by {allowed}\n{texts}"
                )


def random_rules(rng: Random, facility: SearchedFacility) -> list[RuleText]:
    """A few rules for each entity that is searched for, for everybody or a group."""
    groups = (None, None, *sorted(facility.world.things["Grouping"]))
    rules = []
    for entity in DOCUMENTS:
        writer = DocumentRules(rng, facility.world, rng.randrange(3), entity)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            rules.append(RuleText(rng.choice(groups), "R", writer.what()))
    return rules
