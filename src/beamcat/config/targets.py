"""Targets: places to which requested data are brought, instead of being fetched from the data service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SecretStr, Tag, field_serializer, field_validator, model_validator

from beamcat.config.section import Section, masked
from beamcat.config.storage import S3StorageSettings


class CommonTargetSettings(Section):
    """What all targets have in common."""

    retention_days: float = Field(14.0, gt=0)
    """How long data stay there after they are complete."""
    max_bytes_per_user: int | None = Field(None, ge=1)
    """Most bytes that one user may have there at a time; none: any number."""
    retry_rounds: int = Field(3, ge=0, le=20)
    """How often files that failed are tried again. Those that fail even then are told, and the others are complete."""
    batches_at_once: int = Field(4, ge=1, le=100)
    """Batches of files of one request that are under way at a time."""
    poll_s: float = Field(2.0, gt=0)
    """How often it is looked at how far they are."""


class DirectoryTargetSettings(CommonTargetSettings):
    """A directory that users reach: data go to `<path>/<facility>/<visit>/<download>/`, readable by the user alone."""

    kind: Literal["directory"]
    """`directory`."""
    path: Path
    """The directory. It has to be there, and users have to be able to pass through it."""
    link: bool = True
    """Make hard links to the files of the main storage where both are on one file system. They take no room, and cannot
    be changed by the user; the file of the main storage gets the permission to be read by them."""
    acl: bool = True
    """Let the user read by an access control list (POSIX ACL). Otherwise only `group` can."""
    group: str | None = None
    """Unix group that the directories belong to, with the setgid bit, and that may read; none: that of the server."""
    user_pattern: str | None = None
    """Regular expression that the whole name of a user has to match, such as `ldap/(.+)`; its first group is the Unix
    user. Name only authenticators whose users are those of the machine."""
    user_command: tuple[str, ...] = ()
    """Command that writes the Unix user of `{user}` to its output, in place of `user_pattern`; exit code 67 says that
    there is none."""
    command_timeout_s: float = Field(10.0, gt=0)
    """Longest time for that command."""
    keep_free_bytes: int = Field(1 << 30, ge=0)
    """What has to be left free on the file system; requests wait until they fit."""
    files_at_once: int = Field(8, ge=1, le=256)
    """Files that a worker links or copies at a time, for all requests together."""

    @field_validator("user_pattern")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        if groups < 1:
            raise ValueError("the pattern needs a group, in parentheses, that is the Unix user")
        return pattern

    @model_validator(mode="after")
    def _somebody_can_read(self) -> DirectoryTargetSettings:
        if not self.acl and self.group is None:
            raise ValueError("without acl, a group is needed, or nobody could read the data")
        if self.acl and self.user_pattern is None and not self.user_command:
            raise ValueError("acl needs user_pattern or user_command, which say who the Unix user is")
        if self.user_command and "{user}" not in " ".join(self.user_command[1:]):
            raise ValueError("user_command is a command and its arguments, with {user} among them")
        return self


class S3TargetSettings(CommonTargetSettings, S3StorageSettings):
    """A bucket: data go to `<prefix>/<user>/<download>/`, and the user gets a Metalink of addresses that expire."""

    kind: Literal["s3"]
    """`s3`."""
    retention_days: float = Field(7.0, gt=0, le=7)
    """How long data stay there after they are complete, and the addresses are good: a week at most, by the protocol."""
    part_mebibytes: int = Field(64, ge=5, le=5120)
    """Size of the parts of an upload, of which a file has 10 000 at most. They are made larger for a file that takes
    it. Four are sent at a time, from memory, for each of `files_at_once`."""
    files_at_once: int = Field(4, ge=1, le=64)
    """Files that a worker uploads at a time, for all requests together."""


class CommandTargetSettings(CommonTargetSettings):
    """Commands of the facility that bring data anywhere else: Globus, or an analysis platform.

    They are run without a shell, are told by JSON on their standard input, and answer with JSON on their output.
    """

    kind: Literal["command"]
    """`command`."""
    begin: tuple[str, ...] = Field(min_length=1)
    """Begins to bring a batch of files, and answers with its ticket at once. It may be run again for the same batch."""
    poll: tuple[str, ...] = Field(min_length=1)
    """Says how far batches are, by their tickets."""
    cancel: tuple[str, ...] = Field(min_length=1)
    """Stops batches."""
    publish: tuple[str, ...] = ()
    """Gives the user access, and answers how; none: the ticket of the first batch is all they are told."""
    expire: tuple[str, ...] = ()
    """Removes what was brought, and answers how many bytes that freed; none: it stays."""
    check: tuple[str, ...] = ()
    """Says whether a request can be taken; none: all can."""
    batch_files: int = Field(1000, ge=1, le=10_000)
    """Most files of a batch."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest time for one command."""
    environment: dict[str, SecretStr] = Field(default_factory=dict)
    """Variables for the commands. Of Beamcat's own they see `PATH`, `HOME`, `LANG`, `LC_ALL`, `TZ` and `TMPDIR`."""


class FtsDestinationSettings(Section):
    """A place to which FTS may write for users."""

    url: str
    """What the URLs of files begin with, such as `davs://dcache.example.org:2880/users/${user}`; `${user}` is the last
    part of the name of the user."""
    users: tuple[str, ...] = ()
    """Names of users that may choose it. Without `users` and `groupings` everybody may."""
    groupings: tuple[str, ...] = ()
    """Names of groups whose members may choose it."""
    token: SecretStr | None = None
    """Bearer token with which FTS writes there."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        if not re.fullmatch(r"(https?|davs?|roots?|s3s?|gsiftp|srm)://[^\s?#]+", url):
            raise ValueError("a destination is a URL of http, https, dav, davs, root, roots, s3, s3s, gsiftp or srm")
        return url


class FtsTargetSettings(CommonTargetSettings):
    """Storages to which a File Transfer Service (FTS3) copies the files.

    Beamcat submits jobs, polls them, and has files that failed copied again.
    """

    kind: Literal["fts"]
    """`fts`."""
    url: str
    """URL of the REST interface, such as `https://fts3.example.org:8446`."""
    destinations: dict[str, FtsDestinationSettings] = Field(min_length=1)
    """Where to, each under the name that users choose it by. Where a user may choose only one, they need not."""
    client_certificate: Path | None = None
    """PEM file with the certificate that Beamcat shows to FTS, and with which it lets FTS act for it (a proxy)."""
    client_key: Path | None = None
    """PEM file with its key; without it, the key is in the file of the certificate."""
    token: SecretStr | None = None
    """Bearer token that Beamcat shows to FTS, in place of a certificate."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the certificate of FTS; without it, those of the system."""
    source_url: str | None = None
    """URL below which FTS finds the files by their locations in the main storage, such as
    `root://eos.example.org//eos/data/`; without it, it reads the permanent URLs of this server."""
    source_token: SecretStr | None = None
    """Bearer token with which FTS reads there. FTS takes it only together with one of the destination."""
    verify_checksum: Literal["none", "source", "target", "both"] = "target"
    """Whose Adler-32 has to be the one that Beamcat knows of a file. A job with a file of which it is not known is not
    verified."""
    overwrite: bool = True
    """Whether a file that is at the destination already is replaced: the path of a request is used by no other one."""
    retry: int = Field(0, ge=0, le=10)
    """How often FTS itself tries a file again."""
    priority: int = Field(3, ge=1, le=5)
    """Priority of jobs in FTS."""
    activity: str = "default"
    """Share of FTS that jobs are counted for."""
    strict_copy: bool = False
    """Copy only, without a look at the destination before and after: for destinations that are S3."""
    batch_files: int = Field(1000, ge=1, le=1000)
    """Most files of a job."""
    batches_at_once: int = Field(20, ge=1, le=100)
    """Jobs of one request that FTS has at a time."""
    poll_s: float = Field(30.0, gt=0)
    """How often FTS is asked how far they are."""
    polled_at_once: int = Field(50, ge=1, le=200)
    """Jobs of one question."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest time for one request to FTS."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("the URL of FTS begins with https://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_way_to_be_known(self) -> FtsTargetSettings:
        if self.token is not None and self.client_certificate is not None:
            raise ValueError("FTS knows Beamcat by a token or by a certificate, not by both")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key belongs to a client_certificate")
        return self


class PluginTargetSettings(CommonTargetSettings):
    """A target of another package, found by an entry point of the group `beamcat.targets`."""

    kind: str = Field(min_length=1)
    """The name of the entry point."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the target is told; its documentation says what it takes."""

    @field_serializer("options", when_used="json")
    def _secrets_are_masked(self, options: dict[str, Any]) -> dict[str, Any]:
        return masked(options)


TARGET_KINDS = ("command", "directory", "fts", "s3")
"""Those that come with Beamcat."""


def _target_kind(given: Any) -> str:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return kind if kind in TARGET_KINDS else "plugin"


AnyTargetSettings = Annotated[
    Annotated[DirectoryTargetSettings, Tag("directory")]
    | Annotated[S3TargetSettings, Tag("s3")]
    | Annotated[CommandTargetSettings, Tag("command")]
    | Annotated[FtsTargetSettings, Tag("fts")]
    | Annotated[PluginTargetSettings, Tag("plugin")],
    Discriminator(_target_kind),
]
"""A place to which requested data are brought; `kind` says which."""
