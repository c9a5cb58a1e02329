"""All experiments that are open, or that the visitor may see; and the lists of everything else."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from beamcat.portal import lists
from beamcat.portal.browsing.whose import whose
from beamcat.portal.lists.investigations import INVESTIGATIONS
from beamcat.portal.lists.others import INSTRUMENTS, PUBLICATIONS, SAMPLES
from beamcat.portal.page import Asking, Page

WAYS = ("instruments", "proposals", "techniques", "samples", "dates")


async def browse(asking: Asking) -> Response:
    """GET and POST /browse: what is open to anybody, the same for all; with `see=all`, what the visitor may see."""
    eyes, words = await whose(asking), asking.visitor.words
    shown = await lists.look(asking, INVESTIGATIONS, eyes.within())
    if isinstance(shown, Response):
        return shown
    which = "all_data" if eyes.everything else "open_data"
    return await asking.render(
        "lists/page.html",
        list=shown,
        heading=words(f"browse.{which}"),
        lede=words(f"browse.{which}_lede"),
        crumbs=[],
        ways=[(words(f"browse.by.{way}"), eyes.link(f"/browse/{way}")) for way in WAYS],
        tabs=eyes.tabs(asking, "/browse"),
        tabs_label=words("browse.whose"),
    )


async def _plain(asking: Asking, list_: lists.ListOf, crumbs: Sequence[tuple[str, str]] = ()) -> Response:
    shown = await lists.look(asking, list_)
    if isinstance(shown, Response):
        return shown
    words = asking.visitor.words
    return await asking.render(
        "lists/page.html",
        list=shown,
        heading=words(f"{list_.words}.title"),
        lede=words(f"browse.lede.{list_.key}"),
        crumbs=crumbs,
        ways=[],
        tabs=[],
        tabs_label="",
    )


async def instruments(asking: Asking) -> Response:
    """GET and POST /instruments."""
    return await _plain(asking, INSTRUMENTS)


async def publications(asking: Asking) -> Response:
    """GET and POST /publications: published data."""
    return await _plain(asking, PUBLICATIONS)


async def samples(asking: Asking) -> Response:
    """GET and POST /samples."""
    return await _plain(asking, SAMPLES)


PAGES = tuple(
    Page(path, answer, path.strip("/"), method)
    for path, answer in (
        ("/browse", browse),
        ("/instruments", instruments),
        ("/publications", publications),
        ("/samples", samples),
    )
    for method in ("GET", "POST")
)
