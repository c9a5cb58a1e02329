"""Links that somebody has opened while signed in: they find them again, without their key being kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamcat.access.shares import Share, proof_of
from beamcat.portal.page import Asking

KEY = "shared"
"""Of the preferences."""
MOST = 100
"""Links that are remembered of one person; the oldest go first."""


async def remember(asking: Asking, share: Share) -> None:
    """Remember a link that the person has opened by its key."""
    person = asking.visitor.person.name
    if share.owner == person:
        return
    known = await proofs(asking)
    if str(share.id) in known:
        return
    patch: dict[str, Any] = {str(share.id): {"proof": proof_of(share, person), "name": share.name}}
    patch |= dict.fromkeys(list(known)[: max(len(known) + 1 - MOST, 0)])
    await asking.core.preferences.change(person, {KEY: patch})


async def proofs(asking: Asking) -> dict[str, str]:
    """What shows that the person has opened links, by the id of each."""
    kept = (await asking.core.preferences.read(asking.visitor.person.name)).get(KEY, {})
    if not isinstance(kept, Mapping):
        return {}
    return {
        identifier: str(each.get("proof", ""))
        for identifier, each in kept.items()
        if identifier.isdecimal() and isinstance(each, Mapping)
    }
