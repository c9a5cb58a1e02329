"""The two names of a person: `ann` is typed at login, `db/ann` is what sessions, rules and `User`s say."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.sign_in import with_mechanism
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.errors import BadParameter


@dataclass(frozen=True, slots=True)
class Named:
    """Whom an administrator means.

    `account` is the name of the account of the `db` authenticator, None for users of other authenticators. `users` are
    the user names that this account signs in as: one for each mechanism of such authenticators.
    """

    account: str | None
    users: tuple[str, ...]


def db_mechanisms(settings: Settings) -> dict[str, str]:
    """The mechanisms of the authenticators of kind `db`, by mnemonic."""
    return {
        mnemonic: mnemonic if chosen.mechanism is None else chosen.mechanism
        for mnemonic, chosen in settings.authenticator.items()
        if isinstance(chosen, AuthenticatorSettings) and chosen.kind == "db"
    }


def named(settings: Settings, name: str) -> Named:
    """Whom `ann`, `db/ann` or `ldap/ann` means: an account, or a user of another authenticator."""
    mechanisms = dict.fromkeys(db_mechanisms(settings).values())
    for mechanism in mechanisms:
        if mechanism and name.startswith(f"{mechanism}/"):
            account = name.removeprefix(f"{mechanism}/")
            return Named(account, tuple(with_mechanism(each, account) for each in mechanisms))
    if "/" in name:
        return Named(None, (name,))
    return Named(name, tuple(with_mechanism(mechanism, name) for mechanism in mechanisms))


def new_account(settings: Settings, name: str, mnemonic: str | None) -> Named:
    """The account to be made for `ann` or `db/ann`, and the one user name it is for.

    `mnemonic` chooses among several `db` authenticators. Raises `BadParameter` when there is none, when one has to be
    chosen, and when the name belongs to another authenticator.
    """
    offered = db_mechanisms(settings)
    if not offered:
        raise BadParameter(
            "no authenticator of the settings has kind `db`, so nobody could sign in with a password: add"
            ' [authenticator.db] with kind = "db", or make a User only, with --no-password and a name such as ldap/ann'
        )
    if mnemonic is not None and mnemonic not in offered:
        raise BadParameter(f"{mnemonic} is no authenticator of kind `db`; there is {', '.join(offered)}")
    chosen = offered if mnemonic is None else {mnemonic: offered[mnemonic]}
    mechanisms = set(chosen.values())
    fitting = {mechanism for mechanism in mechanisms if mechanism and name.startswith(f"{mechanism}/")}
    if "/" in name and not fitting:
        raise BadParameter(
            f"{name} does not sign in by a password of Beamcat's; --no-password makes the User, the other"
            " authenticator lets them in"
        )
    if len(fitting or mechanisms) > 1:
        raise BadParameter(
            f"there are several authenticators of kind `db`: say by --authenticator which one: {', '.join(offered)}"
        )
    (mechanism,) = fitting or mechanisms
    account = name.removeprefix(f"{mechanism}/") if fitting else name
    return Named(account, (with_mechanism(mechanism, account),))
