"""What is wrong with new rows, and which of several faults a client is told of (ICAT specification F.1).

The first element at fault decides. Within one element: a reference to nothing, then what parameter types, rules and
public steps ask, then uniqueness and validity, in the order of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from beamcat.catalogue.batches import Batch, Batches
from beamcat.catalogue.lookups import clash, first_taken, missing
from beamcat.catalogue.parameter_values import parameter_problem, parameter_rules, type_not_set
from beamcat.catalogue.rights_rows import complete_rights_row
from beamcat.catalogue.writing import Manner
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError, NoSuchObject
from beamcat.model import ENTITIES, Entity


class Rank(IntEnum):
    """In which order faults of one element are looked for. Uniqueness and validity change places in SOAP."""

    PRESENCE = 0
    """The object to update is not there."""
    RIGHT = 1
    """The caller may not update it."""
    MOVE = 2
    """The caller may not take it away from where it belongs."""
    REFERENCE = 3
    """It points at an object that is not there."""
    SPECIAL = 4
    """Its parameter type, or the compiler of rules, objects."""
    VALIDITY = 5
    UNIQUENESS = 6


class Fault(NamedTuple):
    """The index of the client's element, how early it is looked for, and the error."""

    offset: int
    rank: Rank
    error: BeamcatError


def first_of(faults: Iterable[Fault], manner: Manner) -> Fault | None:
    """The fault the client is told of."""
    swapped = {Rank.VALIDITY: Rank.UNIQUENESS, Rank.UNIQUENESS: Rank.VALIDITY} if manner is Manner.WHOLE else {}
    return min(faults, key=lambda fault: (fault.offset, swapped.get(fault.rank, fault.rank)), default=None)


async def evident_faults(connection: Connection, batches: Batches) -> list[Fault]:
    """The first fault of each sort that shows without asking whether keys are free and references lead anywhere.

    Completes the rows of rules on the way.
    """
    faults: list[Fault] = []
    for batch in batches:
        if batch.entity.parameter_of is not None:
            faults += await _parameter_faults(connection, batch)
        elif batch.entity.name in {"Rule", "PublicStep"}:
            faults += _rights_faults(batch)
        faults += _invalid(batch)
        faults += _repeated(batch)
    return faults


async def hidden_faults(connection: Connection, batches: Batches) -> list[Fault]:
    """The first reference to nothing and the first key that is taken, of each entity."""
    faults: list[Fault] = []
    for batch in batches:
        for relation in batch.entity.to_one:
            faults += await _dangling(connection, batches, batch, relation.name, ENTITIES[relation.target])
        usable = [place for place, key in enumerate(batch.keys) if None not in key]
        if usable:
            taken = await first_taken(connection, batch.entity, [batch.keys[place] for place in usable])
            if taken is not None:
                place = usable[taken]
                error = clash(batch.entity, batch.keys[place], None)
                faults.append(Fault(batch.offsets[place], Rank.UNIQUENESS, error))
    return faults


def _invalid(batch: Batch) -> Iterator[Fault]:
    problem_of = batch.shape.problem
    for row, offset in zip(batch.rows, batch.offsets, strict=True):
        error = problem_of(row)
        if error is not None:
            yield Fault(offset, Rank.VALIDITY, error)
            return


def _repeated(batch: Batch) -> Iterator[Fault]:
    """The first key that the list has had before."""
    if len(set(batch.keys)) == len(batch.keys):
        return
    seen = set()
    for key, offset in zip(batch.keys, batch.offsets, strict=True):
        if key in seen:
            yield Fault(offset, Rank.UNIQUENESS, clash(batch.entity, key, None))
            return
        if None not in key:  # else it is invalid, not equal to another
            seen.add(key)


async def _parameter_faults(connection: Connection, batch: Batch) -> list[Fault]:
    place = batch.shape.position
    of_type, numeric, string = place["type"], place["numericValue"], place["stringValue"]
    type_ids = {row[of_type] for row in batch.rows} - {None}
    rules = await parameter_rules(connection, batch.entity, type_ids)
    for row, offset in zip(batch.rows, batch.offsets, strict=True):
        error: BeamcatError | None
        if row[of_type] is None:
            error = type_not_set()
        elif row[of_type] not in rules:
            return [Fault(offset, Rank.REFERENCE, nothing_there(ENTITIES["ParameterType"], row[of_type]))]
        else:
            error = parameter_problem(batch.entity, rules[row[of_type]], row[numeric], row[string])
        if error is not None:
            return [Fault(offset, Rank.SPECIAL, error)]
    return []


def _rights_faults(batch: Batch) -> Iterator[Fault]:
    for row, offset in zip(batch.rows, batch.offsets, strict=True):
        try:
            complete_rights_row(batch.shape, row)
        except BeamcatError as error:
            yield Fault(offset, Rank.SPECIAL, error)
            return


async def _dangling(
    connection: Connection, batches: Batches, batch: Batch, relation: str, target: Entity
) -> list[Fault]:
    place = batch.shape.position[relation]
    made_here = batches.by_entity[target].ids if target in batches.by_entity else ()
    absent = await missing(connection, target, {row[place] for row in batch.rows} - {None} - set(made_here))
    if not absent:
        return []
    offset, identifier = next(
        (offset, row[place]) for row, offset in zip(batch.rows, batch.offsets, strict=True) if row[place] in absent
    )
    return [Fault(offset, Rank.REFERENCE, nothing_there(target, identifier))]


def nothing_there(entity: Entity, identifier: int) -> NoSuchObject:
    """The error for an id that no object has."""
    return NoSuchObject(f"{entity.name}[id:{identifier}] not found.")
