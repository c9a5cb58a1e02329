"""Publications of a record: published data that hold it, and articles that came of it."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.portal import reading
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing

_CONTENT = {
    "investigation": "JOIN c.dataCollectionInvestigations l WHERE l.investigation.id = {id}",
    "dataset": "JOIN c.dataCollectionDatasets l WHERE l.dataset.id = {id}",
}
MOST = 100


@dataclass(frozen=True, slots=True)
class Publications:
    """What was published of a record."""

    data: tuple[Thing, ...]
    articles: tuple[Thing, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.data) + len(self.articles)


async def publications_of(asking: Asking, investigation: int | None, dataset: int | None = None) -> Publications:
    """Data publications with the dataset or its investigation as content, and articles of the investigation."""
    found: dict[int, Thing] = {}
    for kind, identifier in (("dataset", dataset), ("investigation", investigation)):
        if identifier is not None:
            for each in await reading.things(
                asking,
                "SELECT DISTINCT it FROM DataPublication it JOIN it.content c "
                f"{_CONTENT[kind].format(id=identifier)} ORDER BY it.publicationDate DESC, it.id LIMIT 0, {MOST}",
            ):
                found[each.id] = each
    articles = []
    if investigation is not None:
        articles = await reading.things(
            asking,
            f"SELECT it FROM Publication it WHERE it.investigation.id = {investigation} ORDER BY it.id LIMIT 0, {MOST}",
        )
    return Publications(tuple(found.values()), tuple(articles))
