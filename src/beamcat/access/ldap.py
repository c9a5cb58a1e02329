"""Signing in with an LDAP directory: Beamcat binds as the user, with the password typed.

The DN to bind as is made from a pattern, or found by a search first. After that the entry can be read once more, by
the user or by the searching account, to take the user name from an attribute and to see which groups it is in
(RFC 4511; escaping by RFC 4514 section 2.4 and RFC 4515 section 3). The library blocks, so it works in a thread.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import structlog
from ldap3 import NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.core.results import (
    RESULT_INVALID_CREDENTIALS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from beamcat.access.memberships import keep_memberships
from beamcat.access.sign_in import (
    USERNAME_AND_PASSWORD,
    AllowedNetworks,
    CredentialKey,
    no_match,
    storable,
    username_and_password,
    with_mechanism,
)
from beamcat.config import LdapAuthenticatorSettings
from beamcat.database.pool import Database
from beamcat.errors import InternalError, Unavailable

LONGEST_USERNAME = 255
"""In characters; a longer one is nobody's."""
ENTRIES_AT_MOST = 1000
"""Groups of one user that are looked at."""

REFUSED = {RESULT_INVALID_CREDENTIALS, RESULT_INVALID_DN_SYNTAX, RESULT_NO_SUCH_OBJECT}
"""Answers to a bind that mean: not this user, or not this password."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """Somebody whose password was right: the name in the directory and the names of the groups."""

    name: str
    groups: frozenset[str]


class LdapAuthenticator:
    """The accounts of a directory. With `groups` in the settings, memberships follow the directory at every login."""

    shares_session = False

    def __init__(
        self, mechanism: str, networks: AllowedNetworks, settings: LdapAuthenticatorSettings, database: Database
    ) -> None:
        self._mechanism = mechanism
        self._networks = networks
        self._settings = settings
        self._database = database

    def description(self) -> tuple[CredentialKey, ...]:
        """User name and password."""
        return USERNAME_AND_PASSWORD

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user of these credentials; `Unavailable` when the directory does not answer."""
        username, password = username_and_password(credentials)
        self._networks.check(address)
        # A directory may cut a text at a NUL, and what is left would be another name or an empty password.
        if not (storable(username) and storable(password)) or len(username) > LONGEST_USERNAME:
            raise no_match()
        found = await asyncio.to_thread(find_user, self._settings, username, password)
        name = with_mechanism(self._mechanism, _folded(found.name, self._settings.case))
        if self._settings.groups:
            wanted = {self._settings.groups[group] for group in found.groups if group in self._settings.groups}
            await keep_memberships(self._database, name, wanted, managed=self._settings.groups.values())
        return name


def find_user(settings: LdapAuthenticatorSettings, username: str, password: str) -> DirectoryUser:
    """The user the directory knows by this name and password. Blocks.

    Raises `WrongCredentials`, `Unavailable` when the directory is away, and `InternalError` when it refuses what the
    settings say.
    """
    try:
        if settings.principal is not None:
            dn = principal_of(settings.principal, username)
            with _bound(settings, dn, password, as_user=True) as connection:
                return _described(connection, settings, username, dn)
        with _bound(settings, settings.bind_dn, _bind_password(settings), as_user=False) as searching:
            dn = _entry(searching, settings, username)[0]
            with _bound(settings, dn, password, as_user=True):
                return _described(searching, settings, username, dn)
    except LDAPException as error:
        log.error("the directory does not answer", url=settings.url, error=str(error))
        raise Unavailable("The directory of users does not answer; try again in a moment") from error


def principal_of(pattern: str, username: str) -> str:
    """The name to bind as. In a DN the characters that mean something there are escaped; `%@example.org` is none."""
    return pattern.replace("%", escape_rdn(username) if "=" in pattern else username)


def user_filter(pattern: str, username: str) -> str:
    """The filter that finds the entry of a user; whatever is typed stays a value."""
    return pattern.replace("%", escape_filter_chars(username))


def group_filter(pattern: str, username: str, dn: str) -> str:
    """The filter that finds the groups of a user."""
    parts = pattern.split("%dn")  # so that a `%name` within a DN stays what it is
    return escape_filter_chars(dn).join(part.replace("%name", escape_filter_chars(username)) for part in parts)


@contextmanager
def _bound(
    settings: LdapAuthenticatorSettings, user: str | None, password: str | None, *, as_user: bool
) -> Iterator[Connection]:
    """A connection bound as `user`; None binds as nobody."""
    connection = Connection(
        _server(settings),
        user=user,
        password=password,
        authentication=SIMPLE if user is not None else None,
        receive_timeout=ceil(settings.timeout_s),  # the library packs whole seconds
        auto_referrals=False,  # a referral would send the password to a server nobody chose
        read_only=True,
        check_names=False,
    )
    try:
        connection.open()
        if (
            settings.start_tls
            and settings.url.startswith("ldap://")
            and not connection.start_tls(read_server_info=False)
        ):
            raise LDAPException("the server refused StartTLS")
        if not connection.bind(read_server_info=False):
            code, text = connection.result["result"], connection.result["description"]
            if as_user and code in REFUSED:
                raise no_match()
            log.error("the directory refused a bind", url=settings.url, result=text, as_user=as_user)
            raise InternalError(f"the directory answered {text} to a bind")
        yield connection
    finally:
        _close(connection)


def _close(connection: Connection) -> None:
    """End the connection, however far it came: the library leaves the socket of a failed one open."""
    opened = connection.socket
    try:
        connection.unbind()
    except LDAPException as error:
        log.debug("a connection to the directory was gone already", error=str(error))
    finally:
        if opened is not None:
            opened.close()


def _server(settings: LdapAuthenticatorSettings) -> Server:
    return Server(settings.url, tls=_CheckedTls(settings.ca_file), connect_timeout=settings.timeout_s, get_info=NONE)


class _CheckedTls(Tls):
    """TLS with the checks of Python itself: authority, dates and name of the host."""

    def __init__(self, ca_file: Path | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=ca_file)

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        """Encrypt what the connection sends from now on. Called by the library."""
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


def _bind_password(settings: LdapAuthenticatorSettings) -> str | None:
    return None if settings.bind_password is None else settings.bind_password.get_secret_value()


def _described(
    connection: Connection, settings: LdapAuthenticatorSettings, username: str, principal: str
) -> DirectoryUser:
    """What the directory says of a user whose password was right."""
    dn, name = principal, username
    if settings.search_base is not None:
        dn, attributes = _entry(connection, settings, username)
        if settings.name_attribute is not None:
            values = attributes.get(settings.name_attribute) or []
            if not values:
                log.error("the entry of a user has no name", dn=dn, attribute=settings.name_attribute)
                raise InternalError(f"{dn} has no attribute {settings.name_attribute}")
            name = str(values[0])
    return DirectoryUser(name, _groups(connection, settings, username, dn))


def _entry(
    connection: Connection, settings: LdapAuthenticatorSettings, username: str
) -> tuple[str, Mapping[str, list[str]]]:
    """The DN and the attributes of the one entry that is the user's; none, or several, are nobody's."""
    assert settings.search_base is not None
    wanted = [settings.name_attribute] if settings.name_attribute is not None else []
    found = _search(connection, settings, settings.search_base, user_filter(settings.search_filter, username), wanted)
    if len(found) != 1:
        raise no_match()
    return found[0]


def _groups(connection: Connection, settings: LdapAuthenticatorSettings, username: str, dn: str) -> frozenset[str]:
    if settings.group_base is None or not settings.groups:
        return frozenset()
    condition = group_filter(settings.group_filter, username, dn)
    attribute = settings.group_attribute
    found = _search(connection, settings, settings.group_base, condition, [attribute])
    return frozenset(value for _, attributes in found for value in attributes.get(attribute, ()))


def _search(
    connection: Connection, settings: LdapAuthenticatorSettings, base: str, condition: str, wanted: list[str]
) -> list[tuple[str, Mapping[str, list[str]]]]:
    connection.search(
        base,
        condition,
        SUBTREE,
        attributes=wanted or ["1.1"],  # RFC 4511 section 4.5.1.8: no attributes
        size_limit=ENTRIES_AT_MOST,
        time_limit=max(1, round(settings.timeout_s)),
    )
    if connection.result["result"] not in {RESULT_SUCCESS, RESULT_NO_SUCH_OBJECT}:
        text = connection.result["description"]
        log.error("the directory refused a search", base=base, result=text)
        raise InternalError(f"the directory answered {text} to a search")
    entries = [entry for entry in connection.response or [] if entry["type"] == "searchResEntry"]
    return [(entry["dn"], {key: _texts(raw) for key, raw in entry["raw_attributes"].items()}) for entry in entries]


def _texts(raw: list[bytes]) -> list[str]:
    return [value.decode("utf-8", "replace") for value in raw]


def _folded(name: str, case: str) -> str:
    match case:
        case "lower":
            return name.lower()
        case "upper":
            return name.upper()
        case _:
            return name
