"""Putting things into the basket, and taking them out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from beamcat.errors import BadParameter
from beamcat.portal.basket.basket import values_of
from beamcat.portal.basket.head import shown
from beamcat.portal.basket.owning import keep, owner_or_new
from beamcat.portal.page import Asking
from beamcat.portal.returning import back
from beamcat.store.requests.carts import Cart, Put, Removal
from beamcat.store.requests.items import Reference, parse_references

LONGEST_UNDO = 2000
"""Characters of what an Undo brings back; with more there is none."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes a change back: a field of the form and what is in it."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Said:
    """What has become of a change, in words."""

    text: str
    more: str = ""
    undo: Undo | None = None


async def change(asking: Asking) -> Response:
    """POST /basket: `add`, `remove` (such as `dataset 12,datafile 3`), or `clear`."""
    form = await asking.form()
    if form.get("add"):
        return await add_all(asking, parse_references(form["add"]), to=form.get("to"))
    if not form.get("remove") and not form.get("clear"):
        raise BadParameter("Say what to add to the basket, or what to remove")
    owner, made = owner_or_new(asking)
    carts, facility = asking.core.requests.carts, await asking.core.requests.usual_facility()
    before = await carts.find(facility, owner)
    there = before.references if before is not None else []
    removed = there if form.get("clear") else [each for each in parse_references(form["remove"]) if each in set(there)]
    removal = Removal(everything=bool(form.get("clear")), references=tuple(removed))
    cart = await carts.remove(facility, owner, removal)
    said = Said(asking.visitor.words("basket.removed", n=len(removed)), undo=_undo("add", removed))
    return keep(asking, await _answer(asking, cart, said, form.get("to")), made)


async def add_all(asking: Asking, references: Sequence[Reference], to: str | None = None) -> Response:
    """Put things into the visitor's basket, and say what has become of each; without script, go back to the page."""
    owner, made = owner_or_new(asking)
    facility = await asking.core.requests.usual_facility()
    put = await asking.core.requests.carts.put(facility, owner, list(dict.fromkeys(references)))
    return keep(asking, await _answer(asking, put.cart, _said(asking, put, len(references)), to), made)


def _said(asking: Asking, put: Put, wanted: int) -> Said:
    t = asking.visitor.words
    more = []
    if put.covered:
        more.append(t("basket.covered", n=len(put.covered)))
    if put.replaced:
        more.append(t("basket.replaced", n=len(put.replaced)))
    if put.added:
        return Said(t("basket.added", n=len(put.added)), " ".join(more), _undo("remove", put.added))
    if put.covered:
        return Said(" ".join(more))
    there = set(put.cart.references) if put.cart is not None else set()
    return Said(t("basket.already", n=wanted) if there else t("basket.not_there", n=wanted))


def _undo(field: str, references: Sequence[Reference]) -> Undo | None:
    value = ",".join(f"{each.kind.value} {each.id}" for each in references)
    return Undo(field, value) if value and len(value) <= LONGEST_UNDO else None


async def _answer(asking: Asking, cart: Cart | None, said: Said, to: str | None) -> Response:
    if not asking.is_fragment:
        return asking.go(back(to, "/basket"))
    references = cart.references if cart is not None else []
    at_basket = asking.request.headers.get("hx-current-url", "").partition("?")[0].endswith("/basket")
    values: dict[str, Any] = {"page": "", "problem": ""}
    if at_basket:
        values["page"] = "basket/_page.html" if cart is not None else "basket/_empty.html"
        values |= await values_of(asking, cart) if cart is not None else {}
    return await asking.render("basket/_changed.html", **{**values, "said": said, "basket": shown(references)})
