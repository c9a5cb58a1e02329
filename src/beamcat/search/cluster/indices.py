"""The indices of the cluster: which are asked, how far they are, and which are built.

Each entity has an alias, `<prefix>-<entity>`, which stands for one index, `<prefix>-<entity>-<generation>`. How far an
index is, and what has been done of one that is built, is written in the index `<prefix>-state`, under the name of the
index it is about: so that the one change of the aliases, which is atomic, also changes the position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import RequestError

from beamcat.config import OpenSearchSettings
from beamcat.errors import InternalError
from beamcat.search.cluster.connection import told
from beamcat.search.cluster.mappings import form_of, mappings_of, settings_of
from beamcat.search.engine import Holding
from beamcat.search.fields import DocumentType

_STATE_MAPPING = {
    "dynamic": "strict",
    "properties": {
        "kind": {"type": "keyword"},
        "about": {"type": "keyword"},
        "part": {"type": "keyword"},
        "position": {"type": "long"},
    },
}
_FORM = "form"
_ALREADY = "resource_already_exists_exception"
_PARTS_AT_ONCE = 10_000


class Indices:
    """What is known of the indices of one prefix."""

    def __init__(
        self, client: AsyncOpenSearch, types: Mapping[str, DocumentType], settings: OpenSearchSettings
    ) -> None:
        self.client, self.types, self.settings = client, types, settings
        self._state = f"{settings.prefix}-state"

    def alias(self, entity: str) -> str:
        """The name that questions about an entity are asked of."""
        return f"{self.settings.prefix}-{entity.lower()}"

    def of_generation(self, entity: str, generation: str) -> str:
        """The name of an index."""
        return f"{self.alias(entity)}-{generation}"

    async def asked(self) -> dict[str, str]:
        """The index behind the alias of each entity that has one."""
        async with told("looking up aliases"):
            found = await self.client.indices.get_alias(
                name=",".join(self.alias(entity) for entity in self.types),
                params={"ignore_unavailable": "true"},
                ignore=[404],
            )
        entities = {self.alias(entity): entity for entity in self.types}
        return {
            entities[alias]: index
            for index, held in found.items()
            if isinstance(held, dict)
            for alias in held.get("aliases", {})
            if alias in entities
        }

    async def forms(self, indices: Iterable[str]) -> dict[str, str]:
        """The form of the documents of each index."""
        async with told("reading mappings"):
            found = await self.client.indices.get_mapping(index=",".join(indices))
        return {index: held["mappings"].get("_meta", {}).get(_FORM, "") for index, held in found.items()}

    async def holdings(self) -> list[Holding]:
        """What there is of each entity that has an index of today's form."""
        asked = await self.asked()
        forms = await self.forms(asked.values()) if asked else {}
        held = {e: index for e, index in asked.items() if forms.get(index) == form_of(self.types[e])}
        if not held:
            return []
        async with told("measuring indices"):
            stats = await self.client.indices.stats(index=",".join(held.values()), metric="store")
            sizes = {index: stats["indices"][index]["total"]["store"]["size_in_bytes"] for index in held.values()}
            # not those of the statistics, which count each parameter as a document
            counts = {index: (await self.client.count(index=index))["count"] for index in held.values()}
        return [
            Holding(entity, index.removeprefix(f"{self.alias(entity)}-"), counts[index], sizes[index])
            for entity, index in held.items()
        ]

    async def free_bytes(self) -> int:
        """What is free on all nodes that hold data."""
        async with told("measuring disks"):
            nodes = (await self.client.nodes.stats(node_id="data:true", metric="fs"))["nodes"].values()
        return sum(int(node["fs"]["total"].get("available_in_bytes", 0)) for node in nodes)

    async def create(self, entity: str, index: str) -> None:
        """An empty index, if it is not there."""
        documents = self.types[entity]
        shards = self.settings.large_shards if documents.large else self.settings.shards
        mappings = {**mappings_of(documents), "_meta": {_FORM: form_of(documents)}}
        await self._create(index, {"settings": {"index": settings_of(shards=shards)}, "mappings": mappings})

    async def existing(self, indices: Sequence[str]) -> bool:
        """Whether all of these are there."""
        async with told("looking up indices"):
            return bool(await self.client.indices.exists(index=",".join(indices)))

    async def publish(self, index: str) -> None:
        """Make an index that was built ready to be asked: copied, searched, and in as few pieces as it has now."""
        # it goes on not to look for new documents by itself: those are found from a commit on, and not before
        changed = {"index": {"number_of_replicas": self.settings.replicas}}
        async with told("publishing an index"):
            await self.client.indices.put_settings(index=index, body=changed)
            await self.client.indices.refresh(index=index, params=self._patient())

    async def exchange(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Let the aliases of the entities of `after` stand for other indices, all at once; the ones before go."""
        actions: list[dict[str, Any]] = []
        for entity, index in after.items():
            if entity in before:
                actions.append({"remove_index": {"index": before[entity]}})
            actions.append({"add": {"index": index, "alias": self.alias(entity)}})
        async with told("exchanging indices"):
            await self.client.indices.update_aliases(body={"actions": actions}, params=self._patient())

    async def remove(self, indices: Iterable[str]) -> None:
        """Remove indices; those that are not there are no error."""
        async with told("removing indices"):
            await self.client.indices.delete(index=",".join(indices), params={"ignore_unavailable": "true"})

    async def refresh(self, indices: Iterable[str]) -> None:
        """Make what was written found."""
        async with told("refreshing indices"):
            await self.client.indices.refresh(index=",".join(indices), params=self._patient())

    async def positions(self, indices: Sequence[str]) -> dict[str, int]:
        """How far indices are."""
        body = {"ids": [f"position {index}" for index in indices]}
        async with told("reading positions"):
            answer = await self.client.mget(index=self._state, body=body, ignore=[404])
        found = [each["_source"] for each in answer.get("docs", []) if each.get("found")]
        return {each["about"]: each["position"] for each in found}

    async def set_positions(self, indices: Iterable[str], position: int) -> None:
        """Remember how far indices are."""
        await self._ensure_state()
        lines: list[dict[str, Any]] = []
        for index in indices:
            lines.append({"index": {"_id": f"position {index}"}})
            lines.append({"kind": "position", "about": index, "position": position})
        async with told("writing positions"):
            answer = await self.client.bulk(body=lines, index=self._state)
            _check(answer)

    async def building(self) -> str | None:
        """The generation that is built."""
        async with told("reading what is built"):
            found = await self.client.get(index=self._state, id="building", ignore=[404])
        return str(found["_source"]["about"]) if found.get("found") else None

    async def begin(self, generation: str) -> str:
        """Remember that a generation is built; the one that somebody else began meanwhile wins."""
        await self._ensure_state()
        async with told("beginning an index"):
            await self.client.index(
                index=self._state,
                id="building",
                body={"kind": "building", "about": generation},
                params={"op_type": "create"},
                ignore=[409],
            )
        return await self.building() or generation

    async def end(self, generation: str) -> None:
        """Forget that a generation is built, and its parts."""
        async with told("ending an index"):
            await self.client.delete(index=self._state, id="building", ignore=[404])
            await self.client.indices.refresh(index=self._state)
            await self.client.delete_by_query(
                index=self._state,
                body={"query": {"bool": {"filter": [{"term": {"kind": "part"}}, {"term": {"about": generation}}]}}},
                params={"conflicts": "proceed", "refresh": "true"},
            )

    async def add_part(self, generation: str, part: str) -> None:
        """Remember that a part of the work is done."""
        async with told("remembering a part"):
            body = {"kind": "part", "about": generation, "part": part}
            # a name may be longer than an id
            await self.client.index(index=self._state, body=body, params={"refresh": "true"})

    async def parts(self, generation: str) -> list[str]:
        """The parts that are done."""
        found: set[str] = set()
        after: list[Any] | None = None
        while True:
            body: dict[str, Any] = {
                "query": {"bool": {"filter": [{"term": {"kind": "part"}}, {"term": {"about": generation}}]}},
                "sort": ["part"],
                "size": _PARTS_AT_ONCE,
            }
            if after is not None:
                body["search_after"] = after
            async with told("reading parts"):
                hits = (await self.client.search(index=self._state, body=body))["hits"]["hits"]
            found.update(hit["_source"]["part"] for hit in hits)
            if len(hits) < _PARTS_AT_ONCE:
                return sorted(found)
            after = hits[-1]["sort"]

    async def _ensure_state(self) -> None:
        await self._create(
            self._state,
            {
                "settings": {"index": {"number_of_shards": 1, "number_of_replicas": self.settings.replicas}},
                "mappings": _STATE_MAPPING,
            },
        )

    async def _create(self, index: str, body: Mapping[str, Any]) -> None:
        async with told(f"creating {index}"):
            if await self.client.indices.exists(index=index):
                return
            try:
                await self.client.indices.create(index=index, body=body, params=self._patient())
            except RequestError as error:
                if error.error != _ALREADY:
                    raise

    def _patient(self) -> dict[str, Any]:
        return {"request_timeout": self.settings.write_timeout_s}


def _check(answer: Mapping[str, Any]) -> None:
    if answer["errors"]:
        raise InternalError(f"the search cluster did not take how far its indices are: {answer['items'][0]}")
