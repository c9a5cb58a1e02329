"""Ways to sign in, tokens, and protection against guessing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from beamcat.config.section import Section


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
    """An OpenID Connect provider, such as Keycloak or ORCID.

    Clients bring a token of it (credential `token`); with a `client_id`, people sign in with their browser.
    """

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
    client_id: str | None = None
    """Under which the provider knows the portal; with it, the portal offers this way to sign in. Register
    `<public_url>/sign-in/MNEMONIC/back` there as the address to return to."""
    client_secret: SecretStr | None = None
    """The password of `client_id`; without it, the portal is a public client, which PKCE protects."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What the portal asks the provider for."""
    hint: str | None = None
    """Who is meant to sign in this way, shown below its label, such as `the account of the user office`."""
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


class TokenSettings(Section):
    """Tokens that scripts and instruments show instead of a password."""

    longest_days: int = Field(366, ge=0, le=36_500)
    """How far ahead a new token may expire, in days; 0: as far as wanted, or not at all."""
