"""The tools: search, get, list files, preview. They read with the rights of whoever asks, and change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beamcat.access.caller import Caller
from beamcat.assistant.records import INCLUDED, KINDS, page_of, told
from beamcat.catalogue.search import Searches
from beamcat.errors import BadParameter, NoSuchObject, Unavailable
from beamcat.query.result import Record
from beamcat.search.service import Search
from beamcat.search.wanted import Wanted
from beamcat.store.selection import Wanted as Selection
from beamcat.store.service import DataService, Form

PREVIEWED_BYTES = 4096
"""Of a text file."""
KIND_OF = {entity: kind for kind, entity in KINDS.items()}
KindName = Literal["investigation", "dataset", "datafile", "sample", "instrument", "publication"]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class SearchArguments(_Arguments):
    """Of `search`."""

    text: str = Field(max_length=1000)
    """What to look for, as in the search box: words, "phrases", `instrument:ML07`, `temperature < 20 degC`,
    `date:2026-03`, a DOI."""
    kind: KindName | None = None
    """Only things of this kind."""
    limit: int = Field(10, ge=1, le=50)
    """At most so many."""


class GetArguments(_Arguments):
    """Of `get`."""

    kind: KindName
    """What kind of thing it is."""
    id: int
    """Its number, as `search` tells it."""


class FilesArguments(_Arguments):
    """Of `list_files`."""

    dataset_id: int
    """The dataset."""
    contains: str = Field("", max_length=200)
    """Only files whose names hold this."""
    after: int = 0
    """The number of the last file of the page before."""
    limit: int = Field(50, ge=1, le=200)
    """At most so many."""


class PreviewArguments(_Arguments):
    """Of `preview`."""

    datafile_id: int
    """The file."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what it is called, what a model is told of it, and what it takes."""

    name: str
    title: str
    description: str
    arguments: type[_Arguments]

    @property
    def schema(self) -> dict[str, Any]:
        """Of the arguments, in JSON Schema."""
        return self.arguments.model_json_schema()


SEARCH = Tool(
    "search",
    "Search the catalogue",
    "Find experiments (investigations), datasets, files, samples, instruments and publications of this facility by "
    "words, names, parameters with units, dates or DOIs. Only what the user may see is found.",
    SearchArguments,
)
GET = Tool("get", "Read one record", "All that is recorded about one thing: dates, people, parameters.", GetArguments)
FILES = Tool("list_files", "List the files of a dataset", "Names, sizes and numbers of files.", FilesArguments)
PREVIEW = Tool(
    "preview",
    "Look into a file",
    f"The first {PREVIEWED_BYTES} bytes of a text file that is on disk.",
    PreviewArguments,
)
TOOLS = (SEARCH, GET, FILES, PREVIEW)


class Tools:
    """Runs them."""

    def __init__(self, searches: Searches, search: Search | None, data: DataService) -> None:
        self._searches = searches
        self._search = search
        self._data = data
        self._runs: Mapping[str, Callable[[Caller, Any], Awaitable[dict[str, Any]]]] = {
            SEARCH.name: self._find,
            GET.name: self._get,
            FILES.name: self._files,
            PREVIEW.name: self._preview,
        }

    async def call(self, caller: Caller, name: str, arguments: object) -> dict[str, Any]:
        """What a tool tells. Raises `BadParameter` for what it does not take, and what the core raises."""
        tool = next((each for each in TOOLS if each.name == name), None)
        if tool is None:
            raise BadParameter(f"There is no tool {name}; there are {', '.join(each.name for each in TOOLS)}")
        try:
            given = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise BadParameter(f"{name}: {wrong}") from None
        return await self._runs[name](caller, given)

    async def _find(self, caller: Caller, given: SearchArguments) -> dict[str, Any]:
        if self._search is None:
            raise Unavailable("Search is switched off at this facility")
        entities = () if given.kind is None else (KINDS[given.kind],)
        found = await self._search.find(caller, Wanted(given.text, entities, limit=given.limit))
        return {
            "count": found.counted.number,
            "count_is_estimate": found.counted.estimate or found.counted.more,
            "records": [
                {
                    "kind": KIND_OF[hit.entity],
                    "id": hit.id,
                    "page": page_of(KIND_OF[hit.entity], hit.id),
                    **{name: value for name, value in hit.source.items() if isinstance(value, str | int | float)},
                }
                for hit in found.hits
            ],
        }

    async def _get(self, caller: Caller, given: GetArguments) -> dict[str, Any]:
        entity = KINDS[given.kind]
        included = ", ".join(f"it.{path}" for path in INCLUDED[entity])
        query = f"SELECT it FROM {entity} it WHERE it.id = {given.id} INCLUDE {included}"
        answer = await self._searches.search(caller, query)
        for row in answer.rows:
            if isinstance(record := row[0], Record):
                return {"records": [{"kind": given.kind, "page": page_of(given.kind, given.id), **told(record)}]}
        raise NoSuchObject(f"There is no {given.kind} {given.id}, or the user may not see it")

    async def _files(self, caller: Caller, given: FilesArguments) -> dict[str, Any]:
        pattern = given.contains.replace("$", "$$").replace("%", "$%").replace("_", "$_").replace("'", "''")
        condition = f" AND f.name LIKE '%{pattern}%' ESCAPE '$'" if given.contains else ""
        query = (
            f"SELECT f FROM Datafile f WHERE f.dataset.id = {given.dataset_id} AND f.id > {given.after}{condition} "
            f"ORDER BY f.id LIMIT 0, {given.limit}"
        )
        answer = await self._searches.search(caller, query)
        files = [row[0] for row in answer.rows if isinstance(row[0], Record)]
        return {
            "records": [{"kind": "datafile", "page": page_of("datafile", file.id), **told(file)} for file in files],
            "after": files[-1].id if len(files) == given.limit else None,
        }

    async def _preview(self, caller: Caller, given: PreviewArguments) -> dict[str, Any]:
        selection = Selection(datafiles=(given.datafile_id,))
        download = await self._data.download(caller, selection, Form())
        first = bytearray()
        async for piece in download.pieces(self._data.sender, 0, min(download.size, PREVIEWED_BYTES)):
            first += piece
        text = bytes(first).decode("utf-8", "replace")
        is_text = "\0" not in text and text.count("\ufffd") <= len(text) // 50 + 3
        return {
            "records": [
                {
                    "kind": "datafile",
                    "id": given.datafile_id,
                    "page": page_of("datafile", given.datafile_id),
                    "size_bytes": download.size,
                    "text": text if is_text else None,
                    "note": "" if is_text else "not a text file",
                }
            ]
        }
