"""Carts: what a user has put aside to request. There is one for each facility and owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from beamcat.database.pool import Connection, Database
from beamcat.errors import ValidationFailed
from beamcat.store.requests.items import Catalogued, Item, Kind, Owner, Reference

ANONYMOUS_DAYS = 7
"""How long the cart of an anonymous session is kept after its last change."""

_HOLD = """
INSERT INTO cart (facility_name, owner, anonymous, created, updated) VALUES (%s, %s, %s, now(), now())
ON CONFLICT (facility_name, owner) DO UPDATE SET updated = now()
RETURNING id
"""
_LOCK = "SELECT id FROM cart WHERE facility_name = %s AND owner = %s FOR UPDATE"
_ADD = """
INSERT INTO cart_item (cart_id, entity_type, entity_id, name, investigation_id, dataset_id)
SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT DO NOTHING
RETURNING entity_type, entity_id
"""
_DROP_WHAT_LIES_IN_OTHERS = """
DELETE FROM cart_item i
 WHERE i.cart_id = %(cart)s
   AND (EXISTS (SELECT FROM cart_item p
                 WHERE p.cart_id = %(cart)s AND p.entity_type = 'dataset' AND p.entity_id = i.dataset_id)
     OR EXISTS (SELECT FROM cart_item p
                 WHERE p.cart_id = %(cart)s AND p.entity_type = 'investigation' AND p.entity_id = i.investigation_id))
RETURNING i.entity_type, i.entity_id
"""
_COUNT = "SELECT count(*) FROM cart_item WHERE cart_id = %s"
_REMOVE = """
DELETE FROM cart_item
 WHERE cart_id = %s
   AND (id = ANY(%s::bigint[]) OR (entity_type, entity_id) IN (SELECT * FROM unnest(%s::text[], %s::bigint[])))
"""
_DROP_EMPTY = "DELETE FROM cart c WHERE c.id = %s AND NOT EXISTS (SELECT FROM cart_item i WHERE i.cart_id = c.id)"
_FIND = "SELECT id, created, updated FROM cart WHERE facility_name = %s AND owner = %s"
_ITEMS = """
SELECT id, entity_type, entity_id, name, investigation_id, dataset_id
  FROM cart_item WHERE cart_id = %s ORDER BY id
"""
_GLANCE = """
SELECT entity_type, entity_id FROM cart_item
 WHERE cart_id = ANY(ARRAY(SELECT c.id FROM cart c
                            WHERE c.facility_name = ANY(ARRAY(SELECT name FROM facility LIMIT 1000) || %(facilities)s)
                              AND c.owner = ANY(%(owners)s)))
 ORDER BY cart_id, id LIMIT %(most)s
"""
_FORGET = "DELETE FROM cart WHERE anonymous AND updated < now() - make_interval(days => %s)"


@dataclass(frozen=True, slots=True)
class CartItem:
    """An item with its number in the cart."""

    id: int
    item: Item


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart and what is in it, in the order in which it was put there."""

    id: int
    facility: str
    created: datetime
    updated: datetime
    items: tuple[CartItem, ...]

    @property
    def references(self) -> list[Reference]:
        """What is in it."""
        return [Reference(each.item.kind, each.item.id) for each in self.items]


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be taken out of a cart: all of it, or items by their number there and by what they are."""

    everything: bool = False
    ids: tuple[int, ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """What has become of things that were to be put into a cart.

    `added` are new in it. `covered` lie in something else of it, and are not in it for themselves. `replaced` were in
    it, and lie in what was put in now. What may not be read, or is not there, is nowhere.
    """

    cart: Cart | None
    added: tuple[Reference, ...] = ()
    covered: tuple[Item, ...] = ()
    replaced: tuple[Reference, ...] = ()


class Carts:
    """Keeps carts. An empty one is no cart."""

    def __init__(self, database: Database, catalogued: Catalogued, max_items: int) -> None:
        self._database = database
        self._catalogued = catalogued
        self._max_items = max_items

    async def find(self, facility: str, owner: Owner) -> Cart | None:
        """The owner's cart; None when there is nothing in it."""
        async with self._database.snapshot() as connection:
            return await read_cart(connection, facility, owner.key)

    async def add(self, facility: str, owner: Owner, references: Sequence[Reference]) -> Cart | None:
        """Put in what of it is there and may be read. What lies in something else of the cart is left out.

        Raises `ValidationFailed` for more than the settings allow; then the cart is as it was.
        """
        return (await self.put(facility, owner, references)).cart

    async def put(self, facility: str, owner: Owner, references: Sequence[Reference]) -> Put:
        """The same, and what has become of each."""
        if len(references) > self._max_items:
            raise self._too_many()
        items = await self._catalogued.items(owner.caller, references)
        if not items:
            return Put(await self.find(facility, owner))
        columns = (
            [item.kind.value for item in items],
            [item.id for item in items],
            [item.name for item in items],
            [item.investigation for item in items],
            [item.dataset for item in items],
        )
        async with self._database.transaction() as connection:
            held = await (await connection.execute(_HOLD, (facility, owner.key, owner.anonymous))).fetchone()
            assert held is not None
            rows = await (await connection.execute(_ADD, (held[0], *columns))).fetchall()
            new = {Reference(Kind(kind), identifier) for kind, identifier in rows}
            rows = await (await connection.execute(_DROP_WHAT_LIES_IN_OTHERS, {"cart": held[0]})).fetchall()
            dropped = {Reference(Kind(kind), identifier) for kind, identifier in rows}
            counted = await (await connection.execute(_COUNT, (held[0],))).fetchone()
            if counted is not None and counted[0] > self._max_items:
                raise self._too_many()
            cart = await read_cart(connection, facility, owner.key)
        return Put(
            cart,
            added=tuple(each for each in references if each in new - dropped),
            covered=tuple(item for item in items if Reference(item.kind, item.id) in dropped & new),
            replaced=tuple(dropped - new),
        )

    async def glance(self, owners: Sequence[str], *, most: int, facilities: Sequence[str] = ()) -> list[Reference]:
        """The first things in the carts of owners, at most so many: for the head of a page."""
        values = {"owners": list(owners), "most": most, "facilities": list(facilities)}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_GLANCE, values)).fetchall()
        return [Reference(Kind(kind), identifier) for kind, identifier in rows]

    async def take_over(self, facility: str, former: Owner, owner: Owner) -> None:
        """Put what somebody had put aside before signing in into their own cart."""
        cart = await self.find(facility, former)
        if cart is not None:
            await self.put(facility, owner, cart.references[: self._max_items])
            await self.remove(facility, former, Removal(everything=True))

    async def remove(self, facility: str, owner: Owner, removal: Removal) -> Cart | None:
        """Take something out; the cart that is left, None when nothing is."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_LOCK, (facility, owner.key))).fetchone()
            if row is None:
                return None
            if removal.everything:
                await connection.execute("DELETE FROM cart WHERE id = %s", row)
                return None
            kinds = [reference.kind.value for reference in removal.references]
            ids = [reference.id for reference in removal.references]
            await connection.execute(_REMOVE, (row[0], list(removal.ids), kinds, ids))
            await connection.execute("UPDATE cart SET updated = now() WHERE id = %s", row)
            await connection.execute(_DROP_EMPTY, row)
            return await read_cart(connection, facility, owner.key)

    async def forget_anonymous(self) -> int:
        """Remove the carts of anonymous sessions that are long over; how many there were."""
        async with self._database.connection() as connection:
            return (await connection.execute(_FORGET, (ANONYMOUS_DAYS,))).rowcount

    def _too_many(self) -> ValidationFailed:
        return ValidationFailed(f"a cart may hold {self._max_items} items; request some of them first")


async def read_cart(connection: Connection, facility: str, owner: str) -> Cart | None:
    """The cart as this connection sees it."""
    row = await (await connection.execute(_FIND, (facility, owner))).fetchone()
    if row is None:
        return None
    rows = await (await connection.execute(_ITEMS, (row[0],))).fetchall()
    items = (CartItem(identifier, Item(Kind(kind), *rest)) for identifier, kind, *rest in rows)
    return Cart(row[0], facility, row[1], row[2], tuple(items))


async def take_out(connection: Connection, cart: Cart, owner: str) -> bool:
    """Take what was read of a cart out of it, in the transaction that requests it; False when somebody else has."""
    if await (await connection.execute(_LOCK, (cart.facility, owner))).fetchone() is None:
        return False
    ids = [each.id for each in cart.items]
    taken = await connection.execute("DELETE FROM cart_item WHERE cart_id = %s AND id = ANY(%s)", (cart.id, ids))
    await connection.execute(_DROP_EMPTY, (cart.id,))
    return taken.rowcount > 0
