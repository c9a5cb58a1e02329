"""One tree of settings: the defaults here, overridden by a TOML file, overridden by `BEAMCAT_*` variables.

`BEAMCAT_DATABASE__URL` sets `database.url`. The tree is frozen, read once, and handed down in parts. Every key is
described by its docstring; `docs/administrators/settings.md` is made from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Section(BaseModel):
    """A part of the tree: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


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
    """IANA name of the zone in which dates without one are read that SOAP clients send, such as `Europe/Berlin`: that of
    the ICAT server before, where scripts send local time. A time that occurs twice when clocks are set back is taken as
    the first, one that is skipped as if clocks had not been set yet."""
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
    location_digest_key: SecretStr | None = None
    """The `key` shared with the data service: a clone signs the locations of its datafiles with it."""


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
    logging: LoggingSettings = LoggingSettings()

    @model_validator(mode="after")
    def _mnemonics_are_plain(self) -> Settings:
        for mnemonic in self.authenticator:
            if not mnemonic or not mnemonic.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"authenticator.{mnemonic}: a mnemonic consists of letters, digits, - and _")
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
