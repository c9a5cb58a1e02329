"""Where data are: storages of either kind, and how they are used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SecretStr, Tag, field_serializer, field_validator, model_validator

from beamcat.config.section import Section, masked


class PosixStorageSettings(Section):
    """A directory of a file system, local or shared."""

    kind: Literal["posix"] = "posix"
    """`posix`."""
    path: Path | None = None
    """The directory. It has to be there, so that a disk that is not mounted is no empty storage; without it, Beamcat
    makes and takes `data` in its home."""
    layout: Literal["uuid", "name"] = "uuid"
    """Where new files go: `uuid` to `<investigation id>/<dataset id>/<UUID>`, `name` to
    `<facility>/<investigation>/<visit>/<dataset>/<name>`."""
    also_below: tuple[Path, ...] = ()
    """Other directories that symbolic links in it may lead to."""


class S3StorageSettings(Section):
    """A bucket of an object store that speaks S3."""

    kind: Literal["s3"]
    """`s3`."""
    bucket: str = Field(min_length=3)
    """The bucket. It has to be there."""
    prefix: str = ""
    """What the keys of all objects begin with, without the slash at the end."""
    endpoint: str | None = None
    """URL of the store, such as `https://s3.example.org`; without it, AWS in the region."""
    public_endpoint: str | None = None
    """URL under which clients reach the store; without it, they are never sent there."""
    region: str = "us-east-1"
    """The region that requests are signed for. Most stores that are not AWS take any."""
    access_key_id: str | None = None
    """The access key. Without key and secret they are taken from `AWS_*` variables, or from the machine's role."""
    secret_access_key: SecretStr | None = None
    """The secret of the access key."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the store's certificate; without it, those of the system."""
    virtual_hosted: bool = False
    """Whether the bucket is part of the host name; then it is part of `endpoint` as well."""
    checksums: bool = True
    """Send the SHA-256 of what is uploaded, so that the store refuses what arrives damaged; old ones do not know it."""
    part_mebibytes: int = Field(16, ge=5, le=5120)
    """Size of the parts of an upload, of which a file has 10 000 at most. Four are sent at a time, from memory. They
    are made larger for a file whose size is known beforehand, where it takes that."""
    read_ahead_mebibytes: int = Field(16, ge=1, le=1024)
    """What one reader may hold in memory, so that it does not wait for each answer of the store: the product of the
    throughput it should reach and the time an answer takes."""
    stats_at_once: int = Field(64, ge=1)
    """Requests of a worker for sizes of files that are under way at a time."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest time for one request: one part of an upload, one piece of a download."""
    retry_s: float = Field(30.0, ge=0)
    """How long a request that fails is tried again."""

    @field_validator("endpoint", "public_endpoint")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("an endpoint begins with http:// or https://")
        return url

    @field_validator("prefix")
    @classmethod
    def _is_a_path(cls, prefix: str) -> str:
        if prefix and any(part in {"", ".", ".."} for part in prefix.removesuffix("/").split("/")):
            raise ValueError("a prefix is a relative path, such as beamcat or data/beamcat")
        return prefix

    @model_validator(mode="after")
    def _key_has_a_secret(self) -> S3StorageSettings:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        return self


class PluginStorageSettings(Section):
    """A storage of another package, found by an entry point of the group `beamcat.storage`."""

    kind: str = Field(min_length=1)
    """The name of the entry point."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the storage is told; its documentation says what it takes."""

    @field_serializer("options", when_used="json")
    def _secrets_are_masked(self, options: dict[str, Any]) -> dict[str, Any]:
        return masked(options)


class PosixArchiveSettings(Section):
    """A directory of a file system whose files can be read at once."""

    kind: Literal["posix"]
    """`posix`."""
    path: Path | None = None
    """The directory. It has to be there; without one, it is `archive` in the home, which is made."""


_UNITS = [{"unit"}, {"units_file"}]


_PLACEHOLDERS: dict[str, list[set[str]]] = {
    "put": [{"unit", "file"}],
    "request": _UNITS,
    "ready": _UNITS,
    "read": [{"unit", "file"}],
    "delete": _UNITS,
    "release": _UNITS,
    "volumes": [{"units_file"}],
}
"""What the commands of an archive have to name, and nothing else."""


class CommandArchiveSettings(Section):
    """Commands of the facility that speak to its tape system. They are run without a shell.

    In the words of a command `{unit}` stands for the name of a unit, `{file}` for a file to read or to write, and
    `{units_file}` for a file that names a unit in each line.
    """

    kind: Literal["commands"]
    """`commands`."""
    put: tuple[str, ...]
    """Stores `{file}` as `{unit}`, and ends when it is safe."""
    request: tuple[str, ...]
    """Asks for units: all of `{units_file}`, or one `{unit}`. It ends at once."""
    ready: tuple[str, ...]
    """Tells which units can be read: of `{units_file}` in lines of its output, or of one `{unit}` by its exit code."""
    read: tuple[str, ...]
    """Writes a `{unit}` that is ready to `{file}`."""
    delete: tuple[str, ...]
    """Removes units: `{units_file}` or `{unit}`."""
    release: tuple[str, ...] = ()
    """Says that units, `{units_file}` or `{unit}`, need not be readable any longer; none: nobody is told."""
    volumes: tuple[str, ...] = ()
    """Tells on which tapes the units of `{units_file}` are, so that they are asked for together; none: nobody knows."""
    scratch: Path | None = None
    """Directory for files on their way, with room for the largest units of `at_once` commands; without it, Beamcat
    makes and takes `scratch` in its home."""
    at_once: int = Field(4, ge=1)
    """Commands that a worker runs at a time."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest time for `request`, `ready`, `delete`, `release` and `volumes`."""
    transfer_timeout_s: float = Field(86_400.0, gt=0)
    """Longest time for `put` and `read`."""
    environment: dict[str, SecretStr] = Field(default_factory=dict)
    """Variables for the commands. Of Beamcat's own they see `PATH`, `HOME`, `LANG`, `LC_ALL`, `TZ` and `TMPDIR`."""

    @model_validator(mode="after")
    def _commands_name_what_they_work_on(self) -> CommandArchiveSettings:
        for name, choices in _PLACEHOLDERS.items():
            command = getattr(self, name)
            if not command and name in {"release", "volumes"}:
                continue
            if set(re.findall(r"\{(\w+)\}", " ".join(command[1:]))) not in choices:
                wanted = " or ".join(" and ".join(f"{{{word}}}" for word in sorted(choice)) for choice in choices)
                raise ValueError(f"{name} is a command and its arguments, with {wanted} among them")
        return self


def _main_kind(given: Any) -> str:
    kind = given.get("kind", "posix") if isinstance(given, dict) else getattr(given, "kind", "posix")
    return kind if kind in {"posix", "s3"} else "plugin"


def _archive_kind(given: Any) -> str:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return kind if kind in {"posix", "s3", "commands"} else "plugin"


AnyMainStorageSettings = (
    Annotated[PosixStorageSettings, Tag("posix")]
    | Annotated[S3StorageSettings, Tag("s3")]
    | Annotated[PluginStorageSettings, Tag("plugin")]
)
"""Where data are that can be read at once; `kind` says which."""


AnyArchiveStorageSettings = (
    Annotated[PosixArchiveSettings, Tag("posix")]
    | Annotated[S3StorageSettings, Tag("s3")]
    | Annotated[CommandArchiveSettings, Tag("commands")]
    | Annotated[PluginStorageSettings, Tag("plugin")]
)
"""Where data are that have to be brought back first; `kind` says which."""


class StoreSettings(Section):
    """Where the bytes of datafiles are."""

    main: Annotated[AnyMainStorageSettings, Discriminator(_main_kind)] = PosixStorageSettings()
    """The storage data are read from."""
    archive: Annotated[AnyArchiveStorageSettings, Discriminator(_archive_kind)] | None = None
    """The storage data are brought back from; without it, all data are in the main storage."""
    unit: Literal["dataset", "datafile"] = "dataset"
    """What is archived and brought back as one: a dataset, as a zip file, or each datafile by itself."""
    key: SecretStr | None = None
    """The key that locations in the catalogue are signed with: ICAT's `key`. Without it, they are not signed. A clone
    signs the locations of its datafiles anew."""
    previous_keys: tuple[SecretStr, ...] = ()
    """Keys that locations may be signed with besides."""

    @model_validator(mode="after")
    def _previous_keys_follow_a_key(self) -> StoreSettings:
        if self.previous_keys and self.key is None:
            raise ValueError("previous_keys go with a key")
        return self
