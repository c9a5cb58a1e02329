"""The data service, and downloads that users ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from beamcat.config.section import Section
from beamcat.config.targets import AnyTargetSettings


class IdsSettings(Section):
    """The data service: the bytes of datafiles."""

    catalogue_checksums_are_crc32: bool = False
    """Whether `Datafile.checksum` is a CRC-32 in hexadecimal digits, as ids.server writes it. Never set it where other
    checksums are in use too: Adler-32 looks the same."""
    trust_catalogue_checksums: bool = False
    """Whether these are believed at once. Otherwise a checksum counts once the bytes were read and it was right."""
    hash_threads: int = Field(2, ge=1, le=256)
    """Threads of each worker that compute digests of files."""
    hash_at_once_bytes: int = Field(256 << 20, ge=0)
    """Files whose checksums a ZIP file needs, and nobody knows, are read before it is sent, up to so many bytes. A ZIP
    file of more of them is sent at once, in a form that needs no checksums beforehand."""
    hash_before_ready_bytes: int = Field(100 << 30, ge=0)
    """The same for prepared downloads: they are ready when these files have been read, in the background."""
    idle_timeout_s: float = Field(600.0, gt=0)
    """Longest time in which no byte of an upload arrives."""
    read_only: bool = False
    """Refuse `put` and `delete`: ICAT's `readOnly`."""
    prepared_count: int = Field(10_000, ge=1)
    """Prepared downloads that are kept; older ones are forgotten. ICAT's `preparedCount`."""
    deliveries_keep_days: float = Field(730.0, ge=0)
    """How long it is known who has received what; 0: for ever."""
    confirm_bytes: int = Field(1 << 30, ge=0)
    """Archives up to this size are read once for `confirmDelivery`; their SHA-256 cannot be known otherwise."""
    max_files_per_selection: int = Field(10_000_000, ge=1)
    """Most files one download may hold."""
    max_bytes_per_selection: int | None = Field(None, ge=0)
    """Most bytes one download may hold, by the catalogue; none: as many as there are."""
    trust_datasets: bool = False
    """Who may read a dataset may read its datafiles, without asking the rules for each. ICAT's
    `useReaderForPerformance`."""
    lenient_investigation_ids: bool = False
    """An investigation that is not there, or may not be read, stands for no files instead of being an error."""
    backslash_is_separator: bool = False
    """Backslashes in the names of datafiles separate folders, as in names from Windows."""
    enable_write: bool | None = None
    """Whether clients may ask for data to be written to the archive; without it, unless `read_only` is set."""
    delay_dataset_writes_s: float = Field(60.0, ge=0)
    """How long after the last change of a dataset it is written to the archive. ICAT's `delayDatasetWritesSeconds`."""
    delay_datafile_operations_s: float = Field(60.0, ge=0)
    """With datafiles as units: how long requests are gathered before they are seen to together. ICAT's
    `delayDatafileOperationsSeconds`."""
    process_queue_interval_s: float = Field(1.0, gt=0)
    """How often each worker looks for something to do. ICAT's `processQueueIntervalSeconds`."""
    restores_at_once: int = Field(100, ge=1)
    """Units that are brought back from the archive at a time, by all workers together."""
    restores_per_user: int = Field(50, ge=1)
    """Units that are brought back at a time for one user."""
    restore_bytes_at_once: int | None = Field(None, ge=1)
    """Bytes that are brought back at a time, by all workers together; none: as many as those units have. A unit that is
    larger goes alone."""
    keep_free_bytes: int = Field(0, ge=0)
    """What restores leave free in the main storage, where it tells how much that is. Those that do not fit wait."""
    restore_deadline_hours: float = Field(168.0, ge=0)
    """How long a restore may take, the wait in the queue included, before it has failed; 0: as long as it takes."""
    not_online_status: int = Field(503, ge=500, le=599)
    """HTTP status of permanent URLs below `/data` for data that have to be brought back first. `/ids` answers 503
    always: clients know no other."""
    restore_strict: bool = True
    """Whether a restore fails when the archive's copy of a dataset lacks a file, or has one that nobody knows.
    Otherwise those that are right are brought back."""
    recall_poll_s: float = Field(2.0, gt=0)
    """How often the archive is asked whether units can be read."""
    retry_s: float = Field(60.0, gt=0)
    """When an operation that failed is tried again for the first time; then the pause doubles, up to an hour."""
    lease_s: float = Field(60.0, ge=2)
    """How long an operation and a lock stay those of a worker that is not heard of any more."""
    start_archiving_bytes: int | None = Field(None, ge=1)
    """With so many bytes in the main storage, units go to the archive; none: only on request. ICAT's
    `startArchivingLevel1024bytes`."""
    stop_archiving_bytes: int | None = Field(None, ge=0)
    """Until there are no more than so many. ICAT's `stopArchivingLevel1024bytes`."""
    size_check_interval_s: float = Field(60.0, gt=0)
    """How often these levels are looked at. ICAT's `sizeCheckIntervalSeconds`."""
    pin_hours: float = Field(48.0, ge=0)
    """How long the datasets of a prepared download are not sent to the archive to make room."""
    scratch: Path | None = None
    """Directory in which the archive's copies of datasets are unpacked, with room for the largest; without it, Beamcat
    makes and takes `unpacking` in its home."""

    @model_validator(mode="after")
    def _levels_go_down(self) -> IdsSettings:
        start, stop = self.start_archiving_bytes, self.stop_archiving_bytes
        if (start is None) != (stop is None) or (start is not None and stop is not None and start <= stop):
            raise ValueError("start_archiving_bytes and stop_archiving_bytes go together, and the first is larger")
        return self

    @property
    def writes(self) -> bool:
        """Whether clients may ask for writes to the archive."""
        return not self.read_only if self.enable_write is None else self.enable_write


class UploadSettings(Section):
    """Uploads that may take several requests: `/uploads`, and `beamcat put`."""

    max_bytes: int = Field(1 << 44, ge=1)
    """Most bytes of one upload."""
    max_per_user: int = Field(1000, ge=1)
    """Most unfinished uploads of one user."""
    keep_hours: float = Field(168.0, gt=0)
    """How long an unfinished upload waits for its next byte until it is given up."""
    idle_timeout_s: float = Field(60.0, gt=0)
    """Longest time in which no byte of a request arrives."""
    spool: Path | None = None
    """Directory in which uploads wait until they are complete, on a disk that all servers share, with room for all of
    them. It is needed with object stores and plugins; without it, Beamcat makes and takes `uploads` in its home. In a
    `posix` storage they wait in the storage itself."""


class TransportSettings(Section):
    """One way in which users get what they have requested, under the name that clients ask for it by.

    Those whose name begins with `http` are fetched from the data service. Data of any other are brought to its
    `target`; without one it is looked after by a program of the facility, which says when it is done.
    """

    display_name: str | None = None
    """What portals call it; without it, its name."""
    description: str = ""
    """What portals say of it."""
    ids_url: str | None = None
    """URL, without `/ids`, of the data service it uses; without it, this server."""
    groupings: tuple[str, ...] = ()
    """Names of groups whose members may use it. Without `disallowed_authenticators`, nobody else may."""
    disallowed_authenticators: tuple[str, ...] = ()
    """Mechanisms, such as `anon`, whose users may not use it, unless they are members of one of `groupings`."""
    mail_required: bool = False
    """Whether an e-mail address has to be given."""
    mail_body: str | None = None
    """Text of the mail when such a download is complete; without it, `downloads.mail.body`."""
    target: str | None = None
    """Name of the target of `downloads.target` that Beamcat brings the data to; none: see above."""


class DownloadQueueSettings(Section):
    """Requests that wait for their turn."""

    carts: bool = False
    """Whether carts wait in the queue too, where data have to be restored."""
    max_active: int = Field(1, ge=-1)
    """Downloads that are restored at a time before the next one of the queue is started; -1: any number, 0: none."""
    max_part_files: int = Field(10_000, ge=1)
    """Most files of one part of a queued visit. A dataset is never split."""
    max_files: int = Field(10_000, ge=1)
    """Most files that one request by locations may name."""
    default_priority: int = 0
    """Priority of users for whom nothing else says one. 1 comes first; less than 1: they may not use the queue."""
    users: dict[str, int] = Field(default_factory=dict)
    """Priorities of users, such as `db/ann`. They count before all others."""
    groupings: dict[str, int] = Field(default_factory=dict)
    """Priorities of members of groups. Of these and those of the following keys the best one counts."""
    instrument_scientists: dict[str, int] = Field(default_factory=dict)
    """Priorities of instrument scientists, by the name of the instrument."""
    instrument_scientist: int | None = None
    """Priority of scientists of all other instruments."""
    investigation_users: dict[str, int] = Field(default_factory=dict)
    """Priorities of users of any investigation, by their role there."""
    investigation_user: int | None = None
    """Priority of users of any investigation in other roles."""
    authenticators: dict[str, int] = Field(default_factory=dict)
    """Priorities by mechanism, such as `db`, for users for whom none of the keys above says one."""


class DownloadMailSettings(Section):
    """Mails that tell users that a download is complete."""

    enabled: bool = False
    """Whether any are sent."""
    host: str = "localhost"
    """The mail server."""
    port: int = Field(25, ge=1, le=65535)
    """Its port."""
    security: Literal["none", "starttls", "tls"] = "none"
    """How the connection is protected: not at all, from STARTTLS on, or from the beginning."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the server's certificate; without it, those of the system."""
    username: str | None = None
    """Who Beamcat is to the server, where it asks."""
    password: SecretStr | None = None
    """The password for that."""
    timeout_s: float = Field(30.0, gt=0)
    """Longest time for one step of the conversation."""
    sender: str = "beamcat@localhost"
    """The address mails come from."""
    give_up_hours: float = Field(72.0, gt=0)
    """How long a mail that the server does not take is tried again."""
    subject: str = "Your download ${fileName} is ready"
    """Subject of a mail, with the tokens of `body`."""
    body: str = (
        "Dear ${userName},\n\nyour download ${fileName} (${size}) from ${facilityName} is ready:\n\n${downloadUrl}\n\n"
        "For large downloads this command goes on where it was interrupted, and so does the second one:\n\n"
        "${resumeCommand}\n\n${ariaCommand}\n\n"
        "A list of the files one by one, for programs that download (Metalink):\n\n${metalinkUrl}\n\n"
        "How much of it has arrived, and help:\n\n${pageUrl}\n"
    )
    """Text of a mail. Tokens: `${userName}`, `${email}`, `${facilityName}`, `${preparedId}`, `${fileName}`, `${size}`,
    `${downloadUrl}`, `${metalinkUrl}`, `${pageUrl}` (the portal's page about it), the commands for curl, aria2 and
    Beamcat that go on with a download, `${resumeCommand}`, `${ariaCommand}` and `${beamcatCommand}`, and
    `${customValue}`, which the program says that looks after a transport."""
    remind: bool = True
    """Whether one mail is sent when a download that was begun comes to a stop. Each user can refuse these."""
    remind_after_hours: float = Field(1.0, gt=0)
    """For how long no byte of it must have arrived."""
    reminder_subject: str = "Your download ${fileName} has come to a stop"
    """Subject of that mail, with the tokens of `body`."""
    reminder_body: str = (
        "Dear ${userName},\n\n${delivered} of ${size} of your download ${fileName} from ${facilityName} have arrived, "
        "and then it came to a stop. Nothing is lost. Each of these commands, in the folder of the download, goes on "
        "where it was interrupted.\n\nResume with curl:\n\n${resumeCommand}\n\nResume with aria2:\n\n${ariaCommand}\n\n"
        "Resume with Beamcat's own command, if you began with it:\n\n${beamcatCommand}\n\n"
        "No more of these reminders: ${stopUrl}\n"
    )
    """Its text. Besides the tokens of `body` there are `${delivered}`, how much has arrived, and `${stopUrl}`, where
    the user can refuse such mails."""

    @model_validator(mode="after")
    def _a_password_is_protected(self) -> DownloadMailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.username is not None and self.security == "none":
            raise ValueError("a password is sent only with security starttls or tls")
        return self


class DownloadSettings(Section):
    """Carts and download requests, as DataGateway and TopCAT make them."""

    facility: str | None = None
    """The `facilityName` that clients use; without it, the names of the facilities in the catalogue, and the only one
    where clients name none."""
    admin_users: tuple[str, ...] = ()
    """Users who see and change all downloads, besides the root users."""
    anonymous: bool = True
    """Whether anonymous users may request downloads."""
    default_plugin: str | None = None
    """Authenticator for sign-ins that name none; without it, the first one."""
    transport: dict[str, TransportSettings] = Field(default_factory=lambda: {"https": TransportSettings()})
    """The ways to get data, each under its name."""
    target: dict[str, AnyTargetSettings] = Field(default_factory=dict)
    """Places to which data are brought, each under its name, for the transports that name it."""
    max_cart_items: int = Field(50_000, ge=1)
    """Most items of one cart."""
    max_files: int | None = Field(None, ge=1)
    """Most files of one request; none: as many as `ids` allows."""
    max_bytes: int | None = Field(None, ge=1)
    """Most bytes of one request, by the catalogue; none: as many as `ids` allows."""
    max_listed: int = Field(10_000, ge=1)
    """Most downloads in one answer; clients page with `LIMIT`."""
    give_up_hours: float = Field(24.0, gt=0)
    """How long a download that cannot be prepared or looked at, because something is away, is tried again before it is
    EXPIRED."""
    queue: DownloadQueueSettings = DownloadQueueSettings()
    mail: DownloadMailSettings = DownloadMailSettings()

    @model_validator(mode="after")
    def _targets_are_there(self) -> DownloadSettings:
        for name, transport in self.transport.items():
            if transport.target is not None and transport.target not in self.target:
                raise ValueError(f"transport.{name}: there is no target {transport.target}")
            if transport.target is not None and name.lower().startswith("http"):
                raise ValueError(f"transport.{name}: the name of a transport with a target does not begin with http")
        return self

    @field_validator("target")
    @classmethod
    def _target_names_are_plain(cls, targets: dict[str, AnyTargetSettings]) -> dict[str, AnyTargetSettings]:
        for name in targets:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ValueError(f"{name}: a target is named with letters, digits, ., - and _")
        return targets

    @field_validator("transport")
    @classmethod
    def _names_are_plain(cls, transports: dict[str, TransportSettings]) -> dict[str, TransportSettings]:
        for name in transports:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ValueError(f"{name}: a transport is named with letters, digits, ., - and _")
        return transports
