"""Search: which engine holds the documents, and how it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from beamcat.config.saved_searches import SavedSearchSettings
from beamcat.config.search_language import SearchLanguageSettings
from beamcat.config.search_meaning import SearchMeaningSettings
from beamcat.config.search_rights import SearchRightsSettings
from beamcat.config.section import Section


class EmbeddedSearchSettings(Section):
    """The engine that is part of Beamcat. Its index is in `search` in the home, on one machine."""

    shards: int = Field(2, ge=1, le=256)
    """Parts that an index of which there may be billions of documents (datafiles) is divided into, by investigation.
    They are searched at a time, and built by as many processes as there are parts. A new number needs a new index."""
    threads: int = Field(4, ge=1, le=256)
    """Threads of a worker that search."""
    heap_mebibytes: int = Field(32, ge=16, le=4095)
    """Memory for documents of one index on their way to the disk, as changes of the catalogue are followed."""
    build_heap_mebibytes: int = Field(256, ge=16, le=4095)
    """The same for each part of a new index that is built."""
    build_threads: int = Field(1, ge=1, le=8)
    """Threads that write each part of a new index that is built. Several processes, each with a part of its own, are
    better than several threads."""
    exact_contents_documents: int = Field(20_000, ge=0)
    """In an index, or part of one, of at most so many documents, what a name contains is looked for exactly; above,
    by groups of three characters, and what is found is checked afterwards: counts may then be a little too high."""
    ranked_hits: int = Field(10_000, ge=1_000, le=1_000_000)
    """How far one can page through hits that are ordered by relevance. Of more hits that are equally relevant, any so
    many are told."""


class OpenSearchSettings(Section):
    """A cluster of OpenSearch, version 2.15 or newer."""

    urls: tuple[str, ...] = Field(min_length=1)
    """Its nodes, such as `https://search.example.org:9200`; the next one is asked when one does not answer."""
    prefix: str = Field("beamcat", pattern=r"^[a-z][a-z0-9_-]*$")
    """What the names of all indices begin with, so that several facilities can share a cluster."""
    user: str | None = None
    """The account, where the cluster asks for one."""
    password: SecretStr | None = None
    """Its password."""
    token: SecretStr | None = None
    """A bearer token, in place of user and password."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the cluster's certificate; without it, the usual ones."""
    shards: int = Field(1, ge=1, le=1024)
    """Shards of an index."""
    large_shards: int = Field(4, ge=1, le=1024)
    """Shards of an index of which there may be billions of documents (datafiles)."""
    replicas: int = Field(1, ge=0, le=16)
    """Copies of each shard besides the first one."""
    bulk_mebibytes: float = Field(8.0, gt=0, le=90)
    """Size of one request that writes."""
    write_timeout_s: float = Field(120.0, gt=0)
    """Longest wait for the answer to one request that writes."""
    retry_s: float = Field(30.0, ge=0)
    """How long documents that the cluster has no room for at the moment are sent again."""

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(url.startswith(("http://", "https://")) for url in urls):
            raise ValueError("the URL of a node begins with http:// or https://")
        if any("@" in url for url in urls):
            raise ValueError("user and password have keys of their own")
        return urls

    @model_validator(mode="after")
    def _says_who_we_are_once(self) -> OpenSearchSettings:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        if self.token is not None and self.user is not None:
            raise ValueError("either a token, or user and password")
        return self


class SearchSettings(Section):
    """Search for words, facets, suggestions."""

    engine: Literal["embedded", "opensearch", "none"] = "embedded"
    """Where the index is: `embedded` in the home of this server, `opensearch` in a cluster. `none`: there is no search,
    and ICAT's search calls find nothing."""
    timeout_s: float = Field(20.0, gt=0)
    """Longest time for a question."""
    icat_timeout_s: float = Field(5.0, gt=0)
    """The same for the search calls of ICAT's interface (`search.maxSearchTimeSeconds`)."""
    entities: tuple[Literal["Investigation", "Dataset", "Datafile", "Sample", "Instrument", "DataPublication"], ...] = (
        Field(("Investigation", "Dataset", "Datafile", "Sample", "Instrument", "DataPublication"), min_length=1)
    )
    """What is indexed, and so can be searched. More of them need a new index."""
    related_ids: int = Field(100_000, ge=1, le=1_000_000)
    """How many investigations, datasets or samples may fit a condition on what a dataset or file belongs to."""
    max_page: int = Field(1_000, ge=1, le=10_000)
    """Most hits of one page."""
    rebuild_step: int = Field(200_000, ge=100)
    """How many ids a rebuild goes through at a time, for each shard: so much is done again after a crash, and so long
    does it hold on to one state of the database."""
    embedded: EmbeddedSearchSettings = EmbeddedSearchSettings()
    opensearch: OpenSearchSettings | None = None
    language: SearchLanguageSettings = SearchLanguageSettings()
    saved: SavedSearchSettings = SavedSearchSettings()
    meaning: SearchMeaningSettings = SearchMeaningSettings()
    rights: SearchRightsSettings = SearchRightsSettings()

    @model_validator(mode="after")
    def _engine_is_described(self) -> SearchSettings:
        if self.engine == "opensearch" and self.opensearch is None:
            raise ValueError("engine opensearch needs the part opensearch")
        return self
