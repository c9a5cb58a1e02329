"""The search on the screen as a command and a program: the same hits, in the same order."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from beamcat.portal.searching.asked import Asked

TOKEN = "TOKEN"  # noqa: S105 - what the variable is called
"""The variable of the environment with a token."""
PAGE = 100
"""Hits that the program asks for at once."""

_PYTHON = '''\
import json
import os
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SERVER = {server}
SEARCH = [
{parameters}
]
token = os.environ.get("TOKEN")
headers = {{"Authorization": f"Bearer {{token}}"}} if token else {{}}


def found():
    """All hits, page by page."""
    after = []
    while True:
        query = urlencode(SEARCH + [("limit", "{page}")] + after)
        with urlopen(Request(f"{{SERVER}}/api/search?{{query}}", headers=headers)) as answer:
            page = json.load(answer)
        yield from page["hits"]
        if not page.get("next"):
            return
        after = [("after", page["next"])]


for hit in found():
    source = hit["source"]
    print(hit["kind"], hit["id"], source.get("title") or source.get("name"), sep="\\t")
'''


@dataclass(frozen=True, slots=True)
class Copies:
    """The search in all forms. `feed` is of what everybody may see; empty: there is none for this search."""

    link: str
    api: str
    curl: str
    python: str
    feed: str


def copies(asked: Asked, server_url: str, *, signed_in: bool, open_to_all: bool) -> Copies:
    """The search as others can ask it, at this server."""
    first = asked.changed()
    pairs = [(name, value) for name, value in first.parameters() if value]
    lines = [f"curl -sG {shlex.quote(f'{server_url}/api/search')}"]
    if signed_in:
        lines.append(f'-H "Authorization: Bearer ${TOKEN}"')
    lines += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in pairs]
    fed = [(name, value) for name, value in pairs if name != "sort"]
    return Copies(
        link=f"{server_url}{first.address}",
        api=f"{server_url}/api/search{_query(pairs)}",
        curl=" \\\n  ".join(lines),
        python=_PYTHON.format(
            server=repr(server_url), parameters="\n".join(f"    {pair!r}," for pair in pairs), page=PAGE
        ).replace("SEARCH = [\n\n]", "SEARCH = []"),
        feed=f"{server_url}/api/search.atom{_query(fed)}" if open_to_all and not asked.mine else "",
    )


def _query(pairs: list[tuple[str, str]]) -> str:
    return f"?{urlencode(pairs, quote_via=quote, safe=':/,')}" if pairs else ""
