"""Links that show a selection: what they show, to whom, until when; and never anything else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from beamcat.access.caller import Caller
from beamcat.access.shares import Ended, Offer, Selection, Share, Shares, digest_of, proof_of
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.observability.logs import without_secrets, without_tokens
from beamcat.observability.slow_queries import Watch
from beamcat.store.requests.contents import Contents
from beamcat.store.requests.items import Catalogued, Kind, Reference
from beamcat.store.sharing import Sharing, references_of
from tests.catalogue.site import Site

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONTH = NOW + timedelta(days=30)
WHOLE = Selection(datasets=(1,))


@pytest.fixture
def shares(database: Database) -> Shares:
    return Shares(database, timedelta(days=365))


async def test_the_key_opens_it_and_is_kept_nowhere(shares: Shares, database: Database) -> None:
    made, key = await shares.make(Offer("db/ann", " For reviewers ", WHOLE, MONTH, blinded=True), NOW)
    found = await shares.open(key, NOW)
    assert found == made
    assert (found.name, found.owner, found.selection, found.blinded) == ("For reviewers", "db/ann", WHOLE, True)
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT share::text FROM share")).fetchone()
    assert row is not None
    assert key not in row[0]
    assert digest_of(key).hex() in row[0]
    assert digest_of(key).hex() not in repr(found)


@pytest.mark.parametrize("key", ["", "x" * 43, "../../etc", "ä" * 43, "x" * 5000])
async def test_another_key_opens_nothing(shares: Shares, key: str) -> None:
    await shares.make(Offer("db/ann", "a", WHOLE, MONTH), NOW)
    with pytest.raises(NoSuchObject):
        await shares.open(key, NOW)


async def test_it_ends_at_its_time_and_when_it_is_revoked(shares: Shares) -> None:
    _, key = await shares.make(Offer("db/ann", "a", WHOLE, MONTH), NOW)
    await shares.open(key, MONTH - timedelta(seconds=1))
    with pytest.raises(Ended):
        await shares.open(key, MONTH)
    other, key = await shares.make(Offer("db/ann", "b", WHOLE, MONTH), NOW)
    with pytest.raises(NoSuchObject):
        await shares.revoke(other.id, "db/bob", NOW)
    await shares.open(key, NOW)
    await shares.revoke(other.id, "db/ann", NOW)
    with pytest.raises(Ended):
        await shares.open(key, NOW)


async def test_a_person_who_has_opened_it_finds_it_again_and_nobody_else_does(shares: Shares) -> None:
    share, _ = await shares.make(Offer("db/ann", "a", WHOLE, MONTH), NOW)
    proof = proof_of(share, "db/bob")
    assert await shares.reopen(share.id, "db/bob", proof, NOW) == share
    assert await shares.reopen(share.id, "db/ann", "", NOW) == share
    for person, shown in (("db/eve", proof), ("db/bob", ""), ("db/bob", share.digest.hex())):
        with pytest.raises(NoSuchObject):
            await shares.reopen(share.id, person, shown, NOW)


async def test_its_uses_are_counted_and_listed_for_its_owner(shares: Shares) -> None:
    share, _ = await shares.make(Offer("db/ann", "a", WHOLE, MONTH), NOW)
    await shares.make(Offer("db/bob", "b", WHOLE, MONTH), NOW)
    await shares.note_use(share, NOW)
    await shares.note_use(share, NOW + timedelta(hours=1))
    (listed,) = await shares.of("db/ann", NOW)
    assert (listed.uses, listed.last_used) == (2, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "offer",
    [
        Offer("db/ann", "  ", WHOLE, MONTH),
        Offer("db/ann", "a\nb", WHOLE, MONTH),
        Offer("db/ann", "a", Selection(), MONTH),
        Offer("db/ann", "a", WHOLE, NOW),
        Offer("db/ann", "a", WHOLE, NOW + timedelta(days=366)),
        Offer("db/ann", "a", Selection(datafiles=tuple(range(10_001))), MONTH),
    ],
)
async def test_what_makes_no_sense_is_refused(shares: Shares, offer: Offer) -> None:
    with pytest.raises((BadParameter, ValidationFailed)):
        await shares.make(offer, NOW)


def test_no_log_shows_a_key() -> None:
    key = "82kv69FezpEL1N1b51xAlJi1PfYX6y06tpdnBTuHb_A"
    for hidden in (without_tokens, without_secrets):
        assert key not in hidden(f"GET https://data.example.org/shared/{key}/datasets/1 failed")


@dataclass(frozen=True)
class Shelf:
    """Three investigations of two datasets with two files each, and who may read what of them."""

    site: Site
    sharing: Sharing
    catalogued: Catalogued
    everything: dict[Reference, tuple[Reference, ...]]
    """What there is, each with what it lies in."""
    user: int

    async def readable(self, caller: Caller) -> set[Reference]:
        """What somebody may read, as the catalogue says."""
        items = await self.catalogued.items(caller, list(self.everything))
        return {Reference(item.kind, item.id) for item in items}


@pytest.fixture
async def shelf(database: Database) -> AsyncIterator[Shelf]:
    site = Site(database)
    await site.rules(("R", "Facility"))
    for entity, path in (("Investigation", ""), ("Dataset", "investigation."), ("Datafile", "dataset.investigation.")):
        start = f"SELECT o FROM {entity} o JOIN o.{path}investigationUsers u JOIN u.user a WHERE a.name = :user"
        await site.rules(("R", start))
    facility = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=facility)
    dataset_type = await site.make("DatasetType", name="t", facility=facility)
    user = await site.make("User", name="db/ann", fullName="Ann Example")
    everything: dict[Reference, tuple[Reference, ...]] = {}
    for number in range(3):
        visit = await site.make(
            "Investigation", name=f"i{number}", visitId="1", title="t", facility=facility, type=kind
        )
        around = (Reference(Kind.INVESTIGATION, visit),)
        everything[around[0]] = ()
        for name in "ab":
            dataset = await site.make("Dataset", name=name, investigation=visit, type=dataset_type)
            inside = (*around, Reference(Kind.DATASET, dataset))
            everything[inside[-1]] = around
            for file in "xy":
                location = f"{dataset}/{file}"
                found = await site.make("Datafile", name=file, location=location, fileSize=5, dataset=dataset)
                everything[Reference(Kind.DATAFILE, found)] = inside
    catalogued = Catalogued(database, site.rulebooks)
    watch = Watch(10_000, lambda: None)
    sharing = Sharing(
        database,
        Shares(database, timedelta(days=365)),
        site.rulebooks,
        Searches(database, site.rulebooks, CatalogueSettings(), watch),
        cast(Any, None),
        catalogued=catalogued,
        contents=Contents(database, catalogued, None),
    )
    yield Shelf(site, sharing, catalogued, everything, user)
    await watch.close()


async def seen_in(shelf: Shelf, share: Share) -> set[Reference]:
    """Everything that can be reached by a link: what it lists, what is inside of that, and whatever is guessed."""
    seen = {line.reference for line in await shelf.sharing.lines(share)}
    for reference in shelf.everything:
        try:
            line = await shelf.sharing.find(share, reference)
        except NoSuchObject:
            with pytest.raises(NoSuchObject):
                await shelf.sharing.chosen(share, [reference])
            if reference.kind is not Kind.DATAFILE:
                with pytest.raises(NoSuchObject):
                    await shelf.sharing.inside(share, reference)
            continue
        assert line.reference == reference
        assert await shelf.sharing.chosen(share, [reference]) == [reference]
        seen.add(reference)
        if reference.kind is not Kind.DATAFILE:
            seen |= {line.reference for line in (await shelf.sharing.inside(share, reference)).lines}
    return seen


@pytest.mark.parametrize("seed", range(3))
async def test_a_link_shows_what_its_owner_may_read_of_the_selection_and_nothing_else(shelf: Shelf, seed: int) -> None:
    dice = random.Random(seed)
    visits = [each for each in shelf.everything if each.kind is Kind.INVESTIGATION]
    memberships = {
        each: await shelf.site.make("InvestigationUser", investigation=each.id, user=shelf.user, role="r")
        for each in visits
    }
    ann = await shelf.site.rulebooks.caller("db/ann")
    wanted = dice.sample(list(shelf.everything), dice.randint(1, 5))
    share, _ = await shelf.sharing.offer(ann, "a", wanted, MONTH, NOW, blinded=False)
    assert set(references_of(share)) == set(wanted)
    chosen = {each for each, around in shelf.everything.items() if {each, *around}.intersection(wanted)}
    for _ in range(3):
        expected = chosen & await shelf.readable(ann)
        assert await seen_in(shelf, share) == expected
        gone = dice.choice(list(memberships.items()))
        del memberships[gone[0]]
        await shelf.site.delete(("InvestigationUser", gone[1]))
    assert await seen_in(shelf, share) == set()


async def test_nobody_shares_what_they_may_not_read(shelf: Shelf) -> None:
    visit = next(iter(shelf.everything))
    ann = await shelf.site.rulebooks.caller("db/ann")
    with pytest.raises(Forbidden):
        await shelf.sharing.offer(ann, "a", [visit], MONTH, NOW, blinded=False)
    await shelf.site.make("InvestigationUser", investigation=visit.id, user=shelf.user, role="r")
    await shelf.sharing.offer(ann, "a", [visit], MONTH, NOW, blinded=False)
    with pytest.raises(Forbidden):
        await shelf.sharing.offer(ann, "a", [visit, Reference(Kind.DATASET, 10**9)], MONTH, NOW, blinded=False)


async def test_a_blinded_link_names_nobody(shelf: Shelf) -> None:
    visit = next(iter(shelf.everything))
    await shelf.site.rules(("R", "InvestigationUser"), ("R", "User"))
    await shelf.site.make("InvestigationUser", investigation=visit.id, user=shelf.user, role="r")
    ann = await shelf.site.rulebooks.caller("db/ann")
    told = {}
    for blinded in (False, True):
        share, _ = await shelf.sharing.offer(ann, "a", [visit], MONTH, NOW, blinded=blinded)
        told[blinded] = (await shelf.sharing.people(share), await shelf.sharing.shared_by(share))
    assert told == {False: ([("Ann Example", "r")], "Ann Example"), True: ([], "")}
