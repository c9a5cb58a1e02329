"""One tree of settings: the defaults here, overridden by a TOML file, overridden by `BEAMCAT_*` variables.

`BEAMCAT_DATABASE__URL` sets `database.url`. The tree is frozen, read once, and handed down in parts. Every key is
described by its docstring; `docs/administrators/settings.md` is made from them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Section(BaseModel):
    """A part of the tree: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def masked(options: dict[str, Any]) -> dict[str, Any]:
    """A free table with stars for what is secret by its name."""
    return {
        key: masked(value)
        if isinstance(value, dict)
        else "**********"
        if any(word in key.lower() for word in ("key", "secret", "password", "token", "credential"))
        else value
        for key, value in options.items()
    }


class ServerSettings(Section):
    """How the server listens, and what it takes from strangers."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    workers: int = Field(1, ge=1)
    """Worker processes. They share nothing but the database."""
    public_url: str | None = None
    """URL under which clients reach the server, where a proxy stands in front."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For`, `-Proto` and `-Host` are believed."""
    max_request_bytes: int = Field(64 * 2**20, ge=1024)
    """Largest request body, in bytes."""
    max_nesting: int = Field(32, ge=1)
    """Deepest nesting of JSON objects and arrays, or of objects in XML, in a request."""
    max_xml_elements: int = Field(2_000_000, ge=100)
    """Most XML elements, and most attributes of them, in a request."""
    request_timeout_s: float = Field(300.0, gt=0)
    """Longest time to read one request body and answer it; downloads that move are not counted."""
    time_zone: str = "UTC"
    """IANA name, such as `Europe/Berlin`, of the zone in which dates are read that SOAP clients send without one: that
    of the ICAT server before, where scripts send local time. A time that occurs twice when clocks are set back is taken
    as the first, one that is skipped as if clocks had not been set yet."""
    sleep_enabled: bool = False
    """Whether `GET /icat/sleep` and `POST /icat/waitMillis` exist (test aids)."""

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name!r}; give an IANA name such as Europe/Berlin") from None
        return name


class DatabaseSettings(Section):
    """Where the catalogue is kept."""

    url: SecretStr | None = None
    """A PostgreSQL of yours, 15 or newer: `postgresql://user:password@host/name`. Without it, Beamcat runs its own."""
    connections: int = Field(8, ge=2)
    """Connections per worker."""
    statement_timeout_s: float = Field(120.0, gt=0)
    """Longest time one question may take in the database."""
    start_timeout_s: float = Field(600.0, gt=0)
    """How long the embedded PostgreSQL may take to recover after a crash."""
    embedded_user: str = "nobody"
    """When Beamcat runs as root: the unprivileged account the embedded PostgreSQL runs as."""
    embedded_shared_buffers: str = "256MB"
    """`shared_buffers` of the embedded PostgreSQL."""
    datafile_partition_rows: int = Field(0, ge=0)
    """Ids per partition of `datafile` and `datafile_parameter`, fixed by `beamcat init`; 0 makes plain tables."""
    maintain_file_counts: bool = True
    """Keep `fileCount` and `fileSize` of datasets and investigations; values clients send for them are ignored."""


class CatalogueSettings(Section):
    """Limits and rights of the ICAT interfaces."""

    root_user_names: tuple[str, ...] = ()
    """Users with every right, such as `simple/root`."""
    session_lifetime_minutes: float = Field(120.0, gt=0)
    """Life time of a session from login or the latest refresh."""
    max_entities: int = Field(10_000, ge=1)
    """Most objects one answer may hold, included ones counted."""
    max_query_length: int = Field(65_536, ge=256)
    """Longest query text, in characters."""
    max_query_nesting: int = Field(40, ge=4)
    """Deepest nesting of parentheses and subqueries in a query."""
    max_includes: int = Field(64, ge=1)
    """Most relations one INCLUDE clause may follow."""
    max_objects_per_write: int = Field(100_000, ge=1)
    """Most objects, nested ones counted, that one create may make."""


class CommonAuthenticatorSettings(Section):
    """What every way to sign in has. The key of its table is the mnemonic clients name at login."""

    mechanism: str | None = None
    """Prefix of the user name (`db` makes `db/ann`). Default: the mnemonic. Empty: no prefix. An `icat` authenticator
    keeps the names its plugin gives unless this is set."""
    friendly: str | None = None
    """Label shown to people, such as `Facility account`."""
    admin: bool = False
    """Advertise this authenticator to administration tools only."""
    networks: tuple[str, ...] = ()
    """Addresses or networks (`192.0.2.0/24`) people may sign in from; empty means from everywhere."""
    expose: bool = False
    """Answer ICAT's authenticator protocol for it at `/authn.MNEMONIC/`, so that another server can use it."""


class AuthenticatorSettings(CommonAuthenticatorSettings):
    """One way to sign in that Beamcat has by itself."""

    kind: Literal["simple", "db", "anon"]
    """`simple`: users listed in the settings; `db`: accounts in the database; `anon`: no credentials."""
    users: dict[str, SecretStr] = Field(default_factory=dict)
    """`simple` only: user names and their passwords, plain or hashed (argon2 or crypt)."""


class LdapAuthenticatorSettings(CommonAuthenticatorSettings):
    """Accounts of an LDAP directory: Beamcat binds as the user, with the password typed."""

    kind: Literal["ldap"]
    """`ldap`."""
    url: str
    """The server: `ldap://host:389` or `ldaps://host:636`."""
    start_tls: bool = True
    """Encrypt an `ldap://` connection before anything is sent; `ldaps://` is encrypted from the start."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the server's certificate; without it, those of the system."""
    principal: str | None = None
    """The DN to bind as, `%` standing for the name typed: `uid=%,ou=people,dc=example,dc=org`. Without it, the entry
    that `search_filter` finds."""
    bind_dn: str | None = None
    """The DN to search users as when there is no `principal`; without it, the search is anonymous."""
    bind_password: SecretStr | None = None
    """The password of `bind_dn`."""
    search_base: str | None = None
    """Where to search the user's entry. With a `principal`, the user searches after binding."""
    search_filter: str = "(uid=%)"
    """Which entry is the user's, `%` standing for the name typed. It has to match one entry."""
    name_attribute: str | None = None
    """The attribute of the user's entry that becomes the user name; without it, the name as typed."""
    case: Literal["keep", "lower", "upper"] = "keep"
    """How the user name is folded, since directories do not tell `Ann` from `ann`."""
    timeout_s: float = Field(10.0, gt=0)
    """Longest wait for a connection or an answer of the server."""
    group_base: str | None = None
    """Where to search groups; without it, groups of the directory are left alone."""
    group_filter: str = "(|(member=%dn)(uniqueMember=%dn)(memberUid=%name))"
    """Which groups a user is in: `%dn` stands for the DN of the user's entry, `%name` for the name typed."""
    group_attribute: str = "cn"
    """The attribute that holds the name of a group."""
    groups: dict[str, str] = Field(default_factory=dict)
    """Groups of the directory and the `Grouping` each stands for. At every login the user, made when not there, is
    put into those `Grouping`s of the table that the directory says, and out of the others of the table."""

    @model_validator(mode="after")
    def _finds_somebody(self) -> LdapAuthenticatorSettings:
        if not self.url.startswith(("ldap://", "ldaps://")):
            raise ValueError("url starts with ldap:// or ldaps://")
        if self.principal is None and self.search_base is None:
            raise ValueError("either principal or search_base is needed")
        if self.principal is not None and "%" not in self.principal:
            raise ValueError("principal holds no % for the name typed")
        if "%" not in self.search_filter:
            raise ValueError("search_filter holds no % for the name typed")
        if self.name_attribute is not None and self.search_base is None:
            raise ValueError("name_attribute needs search_base")
        if self.groups and self.group_base is None:
            raise ValueError("groups needs group_base")
        return self


class OidcAuthenticatorSettings(CommonAuthenticatorSettings):
    """Tokens of an OpenID Connect provider (credential `token`)."""

    kind: Literal["oidc"]
    """`oidc`."""
    issuer: str
    """The provider, exactly as its tokens name it in `iss`."""
    well_known_url: str | None = None
    """The discovery document; without it, `issuer` followed by `/.well-known/openid-configuration`."""
    audience: tuple[str, ...] = ()
    """A token has to be meant for one of these (`aud`); empty: for anybody, as ICAT's plugin has it."""
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], ...
    ] = ("RS256", "ES256")
    """Signature algorithms accepted."""
    leeway_s: float = Field(30.0, ge=0)
    """How far the clocks of provider and server may differ."""
    required_scope: str | None = None
    """A scope the token has to carry (`scope`, or `scp`)."""
    user_claim: str | None = None
    """ICAT's `icatUserClaim`: the claim that holds the user name; `a/b` in it is mechanism and name."""
    user_claim_exception: bool = False
    """ICAT's `icatUserClaimException`: refuse a token without `user_claim` instead of taking `sub`."""
    user_prepend_mechanism: bool = False
    """ICAT's `icatUserPrependMechanism`: put the mechanism in front of what `user_claim` holds, always."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the provider's certificate; without it, those of the system."""
    timeout_s: float = Field(10.0, gt=0)
    """Longest wait for an answer of the provider."""
    keys_lifetime_s: float = Field(3600.0, gt=0)
    """How long the provider's keys are kept before they are fetched again."""
    keys_retry_s: float = Field(10.0, gt=0)
    """Shortest pause between two fetches, whatever unknown keys tokens name."""


class IcatAuthenticatorSettings(CommonAuthenticatorSettings):
    """An authenticator plugin of ICAT (authn.*), asked over HTTP."""

    kind: Literal["icat"]
    """`icat`."""
    urls: tuple[str, ...] = Field(min_length=1)
    """Base URLs of the plugin, such as `https://host:8181`; the next one is asked when one does not answer."""
    plugin: str | None = None
    """The plugin's own mnemonic, as in its path `/authn.db`; without it, the mnemonic of this table."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the plugin's certificate; without it, those of the system."""
    timeout_s: float = Field(10.0, gt=0)
    """Longest wait for an answer of one URL."""


AnyAuthenticatorSettings = (
    AuthenticatorSettings | LdapAuthenticatorSettings | OidcAuthenticatorSettings | IcatAuthenticatorSettings
)
"""One way to sign in; `kind` says which."""


def _usual_authenticators() -> dict[str, AnyAuthenticatorSettings]:
    return {"db": AuthenticatorSettings(kind="db"), "anon": AuthenticatorSettings(kind="anon")}


class LoginProtectionSettings(Section):
    """How password guessing is slowed down."""

    max_failures_per_user: int = Field(10, ge=1)
    """Failed logins to one account from one address within the window before it has to wait."""
    max_failures_per_user_everywhere: int = Field(100, ge=1)
    """Failed logins to one account from all addresses together within the window before it has to wait."""
    max_failures_per_address: int = Field(50, ge=1)
    """Failed logins from one address within the window before it has to wait."""
    window_minutes: float = Field(15.0, gt=0)
    """The window."""


class NotificationSettings(Section):
    """A message broker that is told of changes, and of calls, in ICAT's form."""

    url: SecretStr
    """The broker: `amqp://user:password@host:5672/vhost`, encrypted `amqps://` (port 5671), or over STOMP 1.2 `stomp://`
    (port 61613) and `stomps://` (61614). Without a path the virtual host is `/`; special characters in user and
    password are percent-encoded."""
    ca_file: Path | None = None
    """PEM file with the authorities that sign the broker's certificate; without it, those of the system."""
    timeout_s: float = Field(10.0, gt=0)
    """Longest wait for a connection, and for the broker to confirm up to 500 messages."""
    entities: dict[str, str] = Field(default_factory=dict)
    """Which changes are announced, by entity: letters of `CUD` for create, update and delete, such as
    `{ Dataset = "CU", Investigation = "CUD" }`. ICAT's `notification.list` and `notification.ENTITY`, and D."""
    origins: tuple[Literal["call", "below", "import", "sign-in"], ...] = ("call",)
    """Which changes of these entities: those a `call` asked for, as ICAT has it; objects created or deleted `below`
    the one that was named; those of an `import` of a dump; memberships that follow a `sign-in`."""
    log: tuple[Literal["READ", "WRITE", "SESSION"], ...] = ()
    """Groups of calls that are announced: ICAT's `log.list`."""
    exchange: str = Field("icat", pattern=r"^[-_.:a-zA-Z0-9]{1,255}$")
    """AMQP: the topic exchange. Routing keys are `ENTITY.OPERATION`, such as `Dataset.C`, for calls `log.OPERATION`."""
    declare_exchange: bool = True
    """AMQP: make the exchange, durable, when it is not there; it takes the permission to configure it."""
    destination: str = Field("/topic/icat", min_length=1)
    """STOMP: where changes are sent."""
    log_destination: str = Field("/topic/icat.log", min_length=1)
    """STOMP: where calls are sent."""

    @field_validator("url")
    @classmethod
    def _url_names_a_broker(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            named = parts.scheme in {"amqp", "amqps", "stomp", "stomps"} and parts.hostname and parts.port != 0
        except ValueError:
            named = False
        if not named:
            raise ValueError("url is amqp://, amqps://, stomp:// or stomps:// and a host")
        if parts.query or parts.fragment:
            raise ValueError("url ends with the virtual host; ? and # in a password are written %3F and %23")
        return url

    @field_validator("entities")
    @classmethod
    def _operations_are_known(cls, entities: dict[str, str]) -> dict[str, str]:
        for entity, letters in entities.items():
            if not letters or not set(letters) <= set("CUD"):
                raise ValueError(f"{entity} = {letters!r}: give letters of CUD, for create, update and delete")
        return entities


class TokenSettings(Section):
    """Tokens that scripts and instruments show instead of a password."""

    longest_days: int = Field(366, ge=0, le=36_500)
    """How far ahead a new token may expire, in days; 0: as far as wanted, or not at all."""


class IdsSettings(Section):
    """The data service: the bytes of datafiles."""

    catalogue_checksums_are_crc32: bool = False
    """Whether `Datafile.checksum` is a CRC-32 in hexadecimal digits, as ids.server writes it. Never set it where other
    checksums are in use too: Adler-32 looks the same."""
    trust_catalogue_checksums: bool = False
    """Whether these are believed at once. Otherwise a checksum counts once the bytes were read and it was right."""
    hash_threads: int = Field(2, ge=1, le=256)
    """Threads of each worker that compute digests of files."""
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


class LoggingSettings(Section):
    """What is written down about the running server."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message to write."""
    format: Literal["auto", "json", "text"] = "auto"
    """`json` for machines, `text` for people; `auto` is text on a terminal."""
    slow_query_ms: float = Field(1000.0, ge=0)
    """Questions that take longer are logged with their SQL and plan; 0 logs every one."""
    otlp_endpoint: str | None = None
    """OpenTelemetry collector (OTLP over HTTP) to send traces to; none without it."""
    trace_sample_ratio: float = Field(1.0, ge=0, le=1)
    """Share of requests that are traced."""


class EventSettings(Section):
    """The record of every change, which is also the audit trail."""

    keep_days: float = Field(0.0, ge=0)
    """How long events are kept once all readers have read them; 0: for ever."""


class CallSettings(Section):
    """What is written down about the calls of clients: who asked what, when, and for how long."""

    record: tuple[Literal["SESSION", "READ", "WRITE", "INFO"], ...] = ("SESSION", "READ", "WRITE")
    """Groups of calls to record, as in ICAT's `log.list`: `SESSION` is login, logout and refresh, `READ` get, search
    and export, `WRITE` everything that changes the catalogue, `INFO` questions about sessions and rights."""
    keep_days: float = Field(90.0, gt=0)
    """How long calls are kept."""
    max_query_characters: int = Field(8192, ge=0)
    """Longer queries are cut; 0 keeps none."""
    buffer: int = Field(10_000, ge=1)
    """Calls that a worker keeps while the database is away; the oldest are dropped for newer ones."""


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


class TransportSettings(Section):
    """One way in which users get what they have requested, under the name that clients ask for it by.

    Those whose name begins with `http` are fetched from the data service; any other is looked after by a program of the
    facility, which says when it is done.
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
        "For large downloads this command goes on where it was interrupted:\n\n${resumeCommand}\n"
    )
    """Text of a mail. Tokens: `${userName}`, `${email}`, `${facilityName}`, `${preparedId}`, `${fileName}`, `${size}`,
    `${downloadUrl}`, `${resumeCommand}` and `${customValue}`, which the program says that looks after a transport."""

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

    @field_validator("transport")
    @classmethod
    def _names_are_plain(cls, transports: dict[str, TransportSettings]) -> dict[str, TransportSettings]:
        for name in transports:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ValueError(f"{name}: a transport is named with letters, digits, ., - and _")
        return transports


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="BEAMCAT_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    home: Path = Path(".beamcat")
    """Folder for everything Beamcat keeps on disk."""
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    authenticator: dict[str, Annotated[AnyAuthenticatorSettings, Field(discriminator="kind")]] = Field(
        default_factory=_usual_authenticators
    )
    """Ways to sign in, in the order in which clients are told of them."""
    login_protection: LoginProtectionSettings = LoginProtectionSettings()
    notifications: dict[str, NotificationSettings] = Field(default_factory=dict)
    """Message brokers that are told of changes, each under a name of its own."""
    tokens: TokenSettings = TokenSettings()
    store: StoreSettings = StoreSettings()
    ids: IdsSettings = IdsSettings()
    downloads: DownloadSettings = DownloadSettings()
    logging: LoggingSettings = LoggingSettings()
    events: EventSettings = EventSettings()
    calls: CallSettings = CallSettings()

    @model_validator(mode="after")
    def _mnemonics_are_plain(self) -> Settings:
        for mnemonic in self.authenticator:
            if not mnemonic or not mnemonic.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"authenticator.{mnemonic}: a mnemonic consists of letters, digits, - and _")
        return self

    @model_validator(mode="after")
    def _brokers_have_plain_names(self) -> Settings:
        for name in self.notifications:
            if not name or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"notifications.{name}: a name consists of letters, digits, - and _")
        return self


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """The settings of a TOML file (none: the defaults), the environment, and `overrides`, which win.

    Raises `FileNotFoundError` for a file that is not there and pydantic's `ValidationError` for what it holds.
    """
    if config is not None and not config.is_file():
        raise FileNotFoundError(f"no settings file at {config}")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
            return sources if config is None else (*sources, TomlConfigSettingsSource(settings_cls, config))

    return FromFile(**overrides)
