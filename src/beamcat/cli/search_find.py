"""`beamcat find`: a search on a server, for people at a shell and for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from beamcat.client.searching import Asked, Json, pages
from beamcat.errors import BadParameter

WIDTH = 140
"""Columns of what is not printed on a terminal."""
LARGEST_PAGE = 500
"""Hits that are asked for at once with `--all`."""
_UNREAD = ("ignored", "nothing")
_TITLES = ("title", "fullName", "investigation.title", "description", "location", "dataset.name")
"""Members that say what a hit is about, the first of them that is there."""


def find(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="What to look for, as in a search box; nothing: everything.")
    ] = "",
    *,
    server: Annotated[
        str | None, typer.Option("--server", "--url", metavar="URL", envvar="BEAMCAT_SERVER", help="The server.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            "--session",
            metavar="TOKEN",
            envvar="BEAMCAT_TOKEN",
            show_envvar=False,
            help="A token or a session id. Better in the variable BEAMCAT_TOKEN: others can see a command line.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="`investigation`, `dataset`, `datafile`, `sample`, `instrument` or `publication`; may be repeated.",
        ),
    ] = None,
    narrowed: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="NAME:VALUE", help="Only what is so, as `instrument:ML07`; may be repeated."),
    ] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Count values, as `instrument` or `date:year`; may be repeated."),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="NAME", help="`relevance`, or fields such as `title,-date`; `-` is the last first.")
    ] = "relevance",
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Hits of a page.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="Go on to the last hit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per hit and line, for programs.")] = False,
) -> None:
    """Search a server for what a text finds.

    Words, fields, parameters with units, and paths are understood as in the search box: see *Searching* in the
    documentation. What is found can be had by `beamcat get KIND:ID`.

    Example: `beamcat find "temperature < 20 K" --kind dataset --server https://icat.example.org`
    """
    if server is None:
        raise typer.BadParameter("say which server to ask: --server https://... or BEAMCAT_SERVER")
    parameters: dict[str, str | int | list[str]] = {
        "q": text,
        "kind": kind or [],
        "filter": narrowed or [],
        "facet": facet or [],
        "sort": sort,
        "limit": min(max(limit, 1), LARGEST_PAGE) if every else limit,
        "highlight": "false" if as_json else "true",
    }
    answers = pages(Asked(server, parameters, token or None), every=every)
    try:
        first = next(answers)
    except BadParameter as error:
        raise typer.BadParameter(error.message) from None
    _print_notes(first)
    if as_json:
        for hit in _hits(first, answers):
            print(json.dumps(hit, ensure_ascii=False))
    else:
        _print(first, answers)


def _hits(first: Json, others: Iterable[Json]) -> Iterator[Json]:
    for page in chain([first], others):
        yield from page["hits"]


def _print(first: Json, others: Iterable[Json]) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    shown, last = 0, first
    for last in chain([first], others):
        if last["hits"]:
            console.print(_table(last["hits"]))
        shown += len(last["hits"])
    _print_facets(console, first)
    counted = first["counted"]
    of = f"{'about ' * counted['estimate']}{'more than ' * counted['more']}{counted['number']:,}"
    rest = " --all goes on." if "next" in last else ""
    console.print(f"{shown:,} of {of} found.{rest}" if shown else f"Nothing shown of {of} found.{rest}")


def _table(hits: Iterable[Json]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("NAME", overflow="fold")
    table.add_column("ABOUT", ratio=1)
    table.add_column("DATE", no_wrap=True)
    table.add_column("SIZE", no_wrap=True, justify="right")
    for hit in hits:
        source = hit["source"]
        date, size = source.get("startDate") or source.get("date"), source.get("fileSize")
        table.add_row(
            f"{hit['kind']}:{hit['id']}",
            _plain(_named(source)),
            _about(hit),
            "" if date is None else _plain(date[:10]),
            "" if not isinstance(size, int) else decimal(size),
        )
    return table


def _named(source: Json) -> str:
    name = source.get("name") or source.get("pid") or ""
    return f"{name} {source['visitId']}" if "title" in source and "visitId" in source else str(name)


def _about(hit: Json) -> Text:
    """What the hit is about, and below where the words stand."""
    source, highlights = hit["source"], hit.get("highlights", ())
    title = next((name for name in _TITLES if source.get(name)), None)
    told = {highlight["field"]: highlight for highlight in highlights}
    about = _passages(told.pop(title)) if title in told else Text(_plain(source.get(title or "", "")))
    for name, highlight in told.items():
        if name != "name":
            about.append(f"\n{name}: ", style="dim")
            about.append_text(_passages(highlight))
    return about


def _passages(highlight: Json) -> Text:
    text = Text()
    for passage in highlight["passages"]:
        text.append("... " if passage["cutBefore"] else "")
        for piece in passage["pieces"]:
            text.append(_plain(piece["text"]), style="bold underline" if piece["match"] else "")
        text.append(" ..." if passage["cutAfter"] else "")
    return text


def _print_facets(console: Console, answer: Json) -> None:
    for facet in answer["facets"]:
        if facet["values"]:
            unit = f" in {_plain(facet['unit'])}" if facet.get("unit") else ""
            console.print(Text(f"{facet['kind']}: {_plain(facet['field'])}{unit}", style="bold"))
            for value in facet["values"]:
                console.print(f"{value['count']:>10,}  {_plain(value['label'])}")


def _print_notes(answer: Json) -> None:
    """What could not be understood, or had another meaning than one may think."""
    for note in answer["notes"]:
        if note["handling"] in _UNREAD:
            print(f"beamcat: {_plain(note['piece'])}: {_plain(note['what'])}", file=sys.stderr)
    if answer["someWords"]:
        print("beamcat: nothing has all of the words; these have some", file=sys.stderr)


def _plain(text: Any) -> str:
    """Text of a catalogue, which must not move the cursor or change the title of a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))
