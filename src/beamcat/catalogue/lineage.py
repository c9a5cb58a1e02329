"""What a dataset was made from, and what was made of it: raw to processed, in both directions.

Two things say so: jobs, by the data collections they read and wrote; and the parameter `input_datasets` of processed
datasets, which names the folders they were made from (as portals of synchrotrons have it). Each step asks for all
datasets of a generation together, with the caller's rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.errors import Forbidden
from beamcat.query.result import Cell

INPUTS = "input_datasets"
"""The parameter of processed datasets that names the locations of others, separated by commas."""
GENERATIONS = 4
"""Steps that are followed in each direction."""
MOST = 60
"""Datasets of one lineage; of more, only the nearest are told."""
MOST_STEPS = 500
"""Pairs that one question answers."""

_SIDES = {
    "dataset": "c.dataCollectionDatasets {x}l JOIN {x}l.dataset {x}d",
    "datafile": "c.dataCollectionDatafiles {x}l JOIN {x}l.datafile {x}f JOIN {x}f.dataset {x}d",
}


@dataclass(frozen=True, slots=True)
class Made:
    """One dataset was made from another. `how` is what made it, such as `integration 2.3`; empty where nobody says."""

    source: int
    result: int
    how: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What is known of how datasets were made: the `steps`, and those of them by generation.

    `generations` tells of each dataset how far it is from the one that was asked for: negative for what it was made
    from. Not `complete`: there is more.
    """

    generations: dict[int, int]
    steps: tuple[Made, ...]
    complete: bool


class _Asker:
    def __init__(self, searches: Searches, caller: Caller) -> None:
        self._searches, self._caller = searches, caller

    async def rows(self, query: str) -> Sequence[Sequence[Cell]]:
        try:
            return (await self._searches.search(self._caller, query)).rows
        except Forbidden:
            return []


async def lineage(searches: Searches, caller: Caller, dataset: int) -> Lineage:
    """The lineage of a dataset, as far as the caller may read it."""
    asker = _Asker(searches, caller)
    generations = {dataset: 0}
    found: dict[tuple[int, int], Made] = {}
    complete = True
    for direction in (-1, 1):
        frontier = [dataset]
        for generation in range(1, GENERATIONS + 1):
            steps = await _steps(asker, frontier, direction)
            frontier = []
            for step in steps:
                if step.source == step.result:
                    continue
                other = step.source if direction < 0 else step.result
                if other not in generations:
                    if len(generations) >= MOST:
                        complete = False
                        continue
                    generations[other] = direction * generation
                    frontier.append(other)
                known = found.get((step.source, step.result))
                if known is None or not known.how:
                    found[step.source, step.result] = step
            if not frontier:
                break
        else:
            complete = complete and not frontier
    return Lineage(generations, tuple(found.values()), complete)


async def _steps(asker: _Asker, datasets: Sequence[int], direction: int) -> list[Made]:
    """The steps that lead to these datasets, or from them."""
    return [*await _by_jobs(asker, datasets, direction), *await _by_parameter(asker, datasets, direction)]


async def _by_jobs(asker: _Asker, datasets: Sequence[int], direction: int) -> list[Made]:
    made = []
    ids = _list(datasets)
    asked = "od" if direction < 0 else "sd"
    for source in _SIDES.values():
        for result in _SIDES.values():
            from_, to = source.format(x="s").replace("c.", "sc."), result.format(x="o").replace("c.", "oc.")
            for one, other, name, version in await asker.rows(
                "SELECT DISTINCT sd.id, od.id, a.name, a.version FROM Job j JOIN j.inputDataCollection sc "
                f"JOIN {from_} JOIN j.outputDataCollection oc JOIN {to} JOIN j.application a "
                f"WHERE {asked}.id IN ({ids}) LIMIT 0, {MOST_STEPS}"
            ):
                made.append(Made(_whole(one), _whole(other), f"{name} {version}"))
    return made


async def _by_parameter(asker: _Asker, datasets: Sequence[int], direction: int) -> list[Made]:
    if direction < 0:
        told = await asker.rows(
            "SELECT d.id, p.stringValue, i.id FROM DatasetParameter p JOIN p.type t JOIN p.dataset d "
            f"JOIN d.investigation i WHERE t.name = '{INPUTS}' AND d.id IN ({_list(datasets)})"
        )
        wanted = {place: None for _, places, _ in told for place in _places(places)}
        if not wanted:
            return []
        at = {
            location: _whole(identifier)
            for identifier, location in await asker.rows(
                f"SELECT d.id, d.location FROM Dataset d WHERE d.location IN ({_texts(wanted)})"
            )
        }
        return [
            Made(at[place], _whole(result)) for result, places, _ in told for place in _places(places) if place in at
        ]
    places = {
        str(location): _whole(identifier)
        for identifier, location in await asker.rows(
            f"SELECT d.id, d.location FROM Dataset d WHERE d.id IN ({_list(datasets)}) AND d.location IS NOT NULL"
        )
    }
    if not places:
        return []
    named = " OR ".join(f"p.stringValue LIKE {_text('%' + _literal(place) + '%')} ESCAPE '$'" for place in places)
    told = await asker.rows(
        "SELECT d.id, p.stringValue, d.name FROM DatasetParameter p JOIN p.type t JOIN p.dataset d "
        f"JOIN d.investigation i WHERE t.name = '{INPUTS}' AND i.id IN (SELECT x.investigation.id FROM Dataset x "
        f"WHERE x.id IN ({_list(datasets)})) AND ({named}) LIMIT 0, {MOST_STEPS}"
    )
    return [
        Made(places[place], _whole(result))
        for result, named_, _ in told
        for place in _places(named_)
        if place in places
    ]


def _places(value: Cell) -> list[str]:
    """The locations in a value of `INPUTS`."""
    return [place.strip().rstrip("/") for place in str(value or "").split(",") if place.strip()]


def _whole(cell: Cell) -> int:
    assert isinstance(cell, int)
    return cell


def _list(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(_text, values))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(value: str) -> str:
    """For LIKE with `$` as the escape character."""
    return value.replace("$", "$$").replace("%", "$%").replace("_", "$_")
