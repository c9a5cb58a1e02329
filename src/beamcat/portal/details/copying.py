"""What is on screen, as code: Python with python-icat, curl, and aria2 for the data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.doors.urls import public_url
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.permalinks import Names

DATA = "/data"
"""Below it stand permanent addresses of data."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a page shows, as a query: objects of an entity that fit a condition on the variable `it`.

    `told` are the attributes that the code prints beside the id; they are paths that `include` brings along.
    """

    entity: str
    condition: str
    order: str = "it.id"
    include: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """In ICAT's language."""
        included = f" INCLUDE {', '.join(f'it.{path}' for path in self.include)}" if self.include else ""
        return f"SELECT it FROM {self.entity} it WHERE {self.condition} ORDER BY {self.order}{included}"


def of_ids(entity: str, ids: Sequence[int], *told: str, include: tuple[str, ...] = ()) -> Question:
    """Just these objects."""
    return Question(entity, f"it.id IN ({', '.join(map(str, ids)) or '0'})", include=include, told=told)


@dataclass(frozen=True, slots=True)
class Piece:
    """Code to copy; `title` says for which program."""

    key: str
    title: str
    code: str


def pieces(asking: Asking, question: Question, names: Names | None = None) -> tuple[Piece, ...]:
    """The code of what is on screen, and of the data that `names` lead to."""
    t, base = asking.visitor.words, public_url(asking.request, asking.core)
    told = [
        Piece("link", t("details.copy.link"), f"{base}{asking.address}"),
        Piece("python", t("details.copy.python"), _python(asking, base, question)),
        Piece("curl", t("details.copy.curl"), _curl(asking, base, question)),
    ]
    if names is not None:
        told += [
            Piece("aria2c", t("details.copy.aria2c"), _aria2c(asking, base, names)),
            Piece("get", t("details.copy.get"), _get(asking, base, names)),
        ]
    return tuple(told)


def names_of(investigation: Thing | None, dataset: str | None = None) -> Names | None:
    """By what the data of an investigation, or of a dataset in it, are addressed. Needs its facility."""
    if investigation is None or investigation.facility is None:
        return None
    return Names(investigation.facility.name, investigation.name, investigation.visitId, dataset)


def _anonymous(asking: Asking) -> str | None:
    """The mnemonic by which a stranger signs in; None for those who have signed in."""
    if asking.visitor.signed_in:
        return None
    ways = asking.core.sessions.sign_ins.items()
    return next((mnemonic for mnemonic, way in ways if way.authenticator.shares_session), None)


def _python(asking: Asking, base: str, question: Question) -> str:
    plugin = _anonymous(asking)
    lines = ["import icat" if plugin else "import os\n\nimport icat", ""]
    lines.append(f"client = icat.Client({base + '/ICATService/ICAT?wsdl'!r})")
    if plugin:
        lines.append(f"client.login({plugin!r}, {{}})")
    else:
        lines.append(f'client.sessionId = os.environ["SESSION"]  # {asking.visitor.words("details.copy.session")}')
    printed = ", ".join(("it.id", *(f"it.{path}" for path in question.told)))
    return "\n".join((*lines, f"for it in client.search({question.query!r}):", f"    print({printed})"))


def _curl(asking: Asking, base: str, question: Question) -> str:
    plugin = _anonymous(asking)
    if plugin:
        login = shlex.quote(f'json={{"plugin":"{plugin}","credentials":[]}}')
        lines = [f"SESSION=$(curl -s --data-urlencode {login} {base}/icat/session | sed 's/.*:\"\\(.*\\)\".*/\\1/')"]
    else:
        lines = [f"SESSION=${{SESSION:?{asking.visitor.words('details.copy.session')}}}"]
    asked = shlex.quote(f"query={question.query}")
    lines.append(f'curl -sG {base}/icat/entityManager --data-urlencode "sessionId=$SESSION" --data-urlencode {asked}')
    return "\n".join(lines)


def _aria2c(asking: Asking, base: str, names: Names) -> str:
    url = shlex.quote(f"{base}{DATA}{names.path}.meta4")
    return f"aria2c -c --follow-metalink=mem -d {shlex.quote(names.last)}{_header(asking, '--header')} {url}"


def _get(asking: Asking, base: str, names: Names) -> str:
    session = "" if _anonymous(asking) else 'BEAMCAT_TOKEN="$SESSION" '
    return f"{session}beamcat get {shlex.quote(f'{base}{DATA}{names.path}')} {shlex.quote(names.last)}"


def _header(asking: Asking, option: str) -> str:
    return "" if _anonymous(asking) else f' {option} "Authorization: Bearer $SESSION"'
