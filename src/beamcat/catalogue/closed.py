"""What people may know of objects that they may not read yet: that they exist, and when they open.

Who may read a record that names an object knows that it exists: a data publication with it as content, the experiment
that a dataset was taken in, a study, or data that were made from it. Nobody learns more of it here than when it opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.database.instants import moment
from beamcat.errors import Forbidden

_SERVICE = Caller("beamcat", root=True)
"""Who looks when an object opens, once it is clear that the caller may know of it."""

_NAMED_BY = {
    "Investigation": (
        "SELECT o FROM DataPublication o JOIN o.content c JOIN c.dataCollectionInvestigations l"
        " WHERE l.investigation.id",
        "SELECT o FROM Study o JOIN o.studyInvestigations l WHERE l.investigation.id",
    ),
    "Dataset": (
        "SELECT o FROM Investigation o JOIN o.datasets d WHERE d.id",
        "SELECT o FROM DataPublication o JOIN o.content c JOIN c.dataCollectionDatasets l WHERE l.dataset.id",
        "SELECT o FROM Dataset o JOIN o.dataCollectionDatasets r JOIN r.dataCollection oc JOIN oc.jobsAsOutput j"
        " JOIN j.inputDataCollection ic JOIN ic.dataCollectionDatasets l WHERE l.dataset.id",
    ),
    "Sample": ("SELECT o FROM Investigation o JOIN o.samples s WHERE s.id",),
}
"""By entity, the records that name an object of a given id."""
_OPENS = {
    "Investigation": "SELECT o.releaseDate FROM Investigation o WHERE o.id = {id}",
    "Dataset": "SELECT i.releaseDate FROM Dataset o JOIN o.investigation i WHERE o.id = {id}",
    "Sample": "SELECT i.releaseDate FROM Sample o JOIN o.investigation i WHERE o.id = {id}",
}
_TITLES = {"DataPublication": "title", "Investigation": "title", "Study": "name", "Dataset": "name"}
_MOST = 3


@dataclass(frozen=True, slots=True)
class Naming:
    """A record that the caller may read, and that names the object."""

    entity: str
    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Closed:
    """An object that exists, and is not open to the caller. `opens` is None where nobody has set a date."""

    entity: str
    id: int
    opens: datetime | None
    named_by: tuple[Naming, ...]


async def closed(searches: Searches, caller: Caller, entity: str, identifier: int) -> Closed | None:
    """What the caller may know of an object that is not open to them; None when that is nothing, or there is none."""
    if entity not in _NAMED_BY:
        return None
    named_by: list[Naming] = []
    for question in _NAMED_BY[entity]:
        told = question[len("SELECT o FROM ") :].partition(" ")[0]
        query = question.replace("SELECT o ", f"SELECT DISTINCT o.id, o.{_TITLES[told]} ", 1)
        try:
            answer = await searches.search(caller, f"{query} = {identifier} LIMIT 0, {_MOST}")
        except Forbidden:
            continue
        named_by += [Naming(told, int(str(row[0])), str(row[1])) for row in answer.rows]
    if not named_by:
        return None
    answer = await searches.search(_SERVICE, _OPENS[entity].format(id=identifier))
    if not answer.rows:
        return None
    opens = answer.rows[0][0]
    return Closed(entity, identifier, moment(opens) if isinstance(opens, int) else None, tuple(named_by[:_MOST]))
