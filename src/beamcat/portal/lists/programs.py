"""The list on screen for programs: exactly its query, as a script and as a call."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from beamcat.doors.urls import public_url
from beamcat.portal.page import Asking


@dataclass(frozen=True, slots=True)
class Programs:
    """The same rows without a browser."""

    python: str
    curl: str
    query: str


def programs(asking: Asking, query: str, entity: str, *, anonymous: bool = False) -> Programs:
    """How programs ask a query of this server, as the visitor or as anybody.

    `query` selects objects, in an order.
    """
    base = public_url(asking.request, asking.core)
    caller = asking.visitor.caller
    mnemonic, _, name = ("anon", "", "") if caller is None else caller.name.partition("/")
    credentials = f'{{"username": "{name}", "password": getpass()}}'
    if anonymous or not asking.visitor.signed_in:
        mnemonic, credentials = _anonymous(asking), "{}"
    imports = "from getpass import getpass\n\nimport icat" if credentials != "{}" else "import icat"
    lines = _lines(query)
    written = "".join(f"    {line + (' ' if number < len(lines) else '')!r}\n" for number, line in enumerate(lines, 1))
    python = (
        f"{imports}\n\n"
        f'client = icat.Client("{base}/ICATService/ICAT?wsdl")\n'
        f'client.login("{mnemonic}", {credentials})\n'
        f"query = (\n{written})\n"
        f"for {entity.lower()} in client.searchChunked(query):\n"
        f"    print({entity.lower()}.id)\n"
    )
    login = f'{{"plugin":"{mnemonic}"}}'
    if credentials != "{}":
        login = f'{{"plugin":"{mnemonic}","credentials":[{{"username":"{name}"}},{{"password":"'
        login = f"""'{login}'"$PASSWORD"'"}}]}}'"""
    else:
        login = shlex.quote(login)
    curl = (
        f"SESSION=$(curl -s {base}/icat/session --data-urlencode json={login} | cut -d'\"' -f4)\n"
        f"curl -sG {base}/icat/entityManager -d sessionId=$SESSION --data-urlencode {shlex.quote(f'query={query}')}\n"
    )
    return Programs(python, curl, query)


def _anonymous(asking: Asking) -> str:
    """The mnemonic of the way in that asks nothing."""
    for mnemonic, way in asking.core.sessions.sign_ins.items():
        if not way.authenticator.description():
            return mnemonic
    return "anon"


def _lines(query: str) -> list[str]:
    """A query in lines that are read with ease. Strings of it are left as they are."""
    lines, line, quoted = [], "", False
    for word in query.split(" "):
        if not quoted and line and word in {"FROM", "WHERE", "ORDER", "INCLUDE"}:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
        if word.count("'") % 2:
            quoted = not quoted
    return [*lines, line]
