"""Searches that people keep: /searches, and keeping one from the page of what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from beamcat.doors.search_words import filter_text, range_text
from beamcat.doors.urls import public_url
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, TimedOut, Unavailable
from beamcat.observability.logs import logger
from beamcat.portal.page import Asking
from beamcat.portal.searching.asked import Asked, asked_of, entities_of
from beamcat.portal.searching.facets import chips
from beamcat.portal.searching.kinds import BY_ENTITY
from beamcat.portal.searching.recent import forget_all, recent_searches
from beamcat.search.saved.due import Tell
from beamcat.search.saved.opening import Saved
from beamcat.search.saved.searches import SavedSearch, Wish
from beamcat.search.wanted import Filter, Wanted

MOST_NEWS = 10
LOOK_AFTER_S = 5
"""Somebody who looks sees what is new at once, but does not have it looked for all the time."""
KEY = "searches_since"
"""Preference: by id of a search, from when on what it finds is new."""
LONGEST_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A search that somebody keeps. `asked` is none where it cannot be read any longer."""

    search: SavedSearch
    asked: Asked | None
    chips: tuple[tuple[str, str], ...]


async def list_searches(asking: Asking) -> Response:
    """GET /searches: the searches of a person, what is new to them, and what they have searched for lately."""
    saved = asking.core.saved
    if not asking.visitor.signed_in or saved is None:
        return await asking.render("searching/searches_strangers.html", is_off=saved is None)
    return await _page(asking, saved)


async def keep(asking: Asking) -> Response:
    """POST /searches: keep a search under a name; `replace` takes the place of the one that has it."""
    saved, form = _saved(asking), await asking.form()
    asked, _ = asked_of(form.get("search", "")[:LONGEST_QUERY].encode())
    wish = Wish(form.get("name", "").strip(), _wanted(asking, asked), _tell(form.get("tell", "")))
    caller = asking.visitor.person
    try:
        try:
            kept = await saved.create(caller, wish)
        except AlreadyExists:
            before = [one for one in await saved.searches.list_owned(caller) if one.name == wish.name]
            if not form.get("replace") or not before:
                raise
            kept = await saved.change(caller, before[0].id, wish)
    except BeamcatError as error:
        if not asking.is_fragment:
            raise
        return await asking.render("searching/_kept.html", kept=None, problem=error.message)
    await _begin(asking, saved, kept)
    if asking.is_fragment:
        return await asking.render("searching/_kept.html", kept=kept, problem="")
    return asking.go("/searches")


async def change(asking: Asking) -> Response:
    """POST /searches/{id}: another name, or another way to be told."""
    saved, form, caller = _saved(asking), await asking.form(), asking.visitor.person
    before = await saved.searches.owned(caller, asking.id_of())
    name = form.get("name", "").strip() or before.name
    await saved.change(caller, before.id, Wish(name, before.wanted, _tell(form.get("tell", "")), before.email))
    return asking.go("/searches")


async def remove(asking: Asking) -> Response:
    """POST /searches/{id}/remove: forget it."""
    caller, identifier = asking.visitor.person, asking.id_of()
    await _saved(asking).searches.remove(caller, identifier)
    await asking.core.preferences.change(caller.name, {KEY: {str(identifier): None}})
    return asking.go("/searches")


async def news(asking: Asking) -> Response:
    """GET /searches/{id}/news: what it has found lately, as far as its owner may see it now."""
    saved = _saved(asking)
    search = await saved.searches.owned(asking.visitor.person, asking.id_of())
    since = await _since(asking, search)
    if search.looked is None or asking.now - search.looked > timedelta(seconds=LOOK_AFTER_S):
        await _look(saved, search)
    matches = [each for each in await saved.matches.latest(search) if each.found > since]
    told = [(BY_ENTITY[each.shown.entity], each.shown, each.found) for each in matches[:MOST_NEWS]]
    template = "searching/_news.html" if asking.is_fragment else "searching/news.html"
    return await asking.render(template, search=search, news=told)


async def make_feed(asking: Asking) -> Response:
    """POST /searches/{id}/feed: its address, which is shown this once."""
    saved, identifier = _saved(asking), asking.id_of()
    key = await saved.new_feed_key(asking.visitor.person, identifier)
    url = f"{public_url(asking.request, asking.core)}/api/searches/{identifier}/feed?key={key}"
    return await _page(asking, saved, feed=(identifier, url))


async def end_feed(asking: Asking) -> Response:
    """POST /searches/{id}/feed/end: there is no feed any longer."""
    await _saved(asking).searches.revoke_feed_key(asking.visitor.person, asking.id_of())
    return asking.go("/searches")


async def clear_recent(asking: Asking) -> Response:
    """POST /search/recent/clear: forget what was searched for lately."""
    asking.visitor.person  # noqa: B018 - raises for strangers
    await forget_all(asking)
    return asking.go("/searches")


async def _page(asking: Asking, saved: Saved, feed: tuple[int, str] | None = None) -> Response:
    searches = await saved.searches.list_owned(asking.visitor.person)
    return await asking.render(
        "searching/searches.html",
        searches=[_kept(asking, one) for one in searches],
        most=saved.settings.max_per_user,
        mails=saved.posting is not None,
        tells=("never", "at-once", "daily", "weekly") if saved.posting is not None else ("never",),
        feed=feed,
        recent=await recent_searches(asking),
        headers={"Referrer-Policy": "no-referrer"} if feed else {},
    )


async def _begin(asking: Asking, saved: Saved, search: SavedSearch) -> None:
    """Look once, so that what there is by now is not new, and remember from when on something is."""
    caller = asking.visitor.person
    await _look(saved, search)
    await asking.core.preferences.change(caller.name, {KEY: {str(search.id): datetime.now(UTC).isoformat()}})


async def _look(saved: Saved, search: SavedSearch) -> None:
    try:
        await saved.looking.look(search)
    except (Unavailable, TimedOut) as error:
        logger().warning("a saved search has to wait", search=search.id, error=error.message)


async def _since(asking: Asking, search: SavedSearch) -> datetime:
    kept = (await asking.core.preferences.read(search.owner)).get(KEY)
    text = kept.get(str(search.id)) if isinstance(kept, dict) else None
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else search.changed
    except ValueError:
        return search.changed


def _kept(asking: Asking, search: SavedSearch) -> Kept:
    try:
        asked = asked_from(search.wanted)
    except BeamcatError:
        return Kept(search, None, ())
    told = chips(asking, asked, {}, {})
    return Kept(search, asked, tuple((word, text) for word, text, _ in told))


def asked_from(wanted: Wanted) -> Asked:
    """A search that was kept, for its page."""
    filters = [pair for one in wanted.filters for pair in _pairs(one)]
    sort = "" if wanted.sort is None else wanted.sort.written()
    kind = BY_ENTITY[wanted.entities[0]] if len(wanted.entities) == 1 else None
    return Asked(wanted.text, kind, tuple(filters), sort, wanted.mine)


def _pairs(one: Filter) -> list[tuple[str, str]]:
    name = f"-{one.field}" if one.without else one.field
    found = [(name, filter_text("x", value).partition(":")[2]) for value in one.values]
    if one.low is not None or one.high is not None:
        text = range_text("x", one.low, one.high, one.unit).partition(":")[2]
        found.append((name, text.replace("..<", "..", 1) if one.includes_high else text))
    return found


def _wanted(asking: Asking, asked: Asked) -> Wanted:
    entities = entities_of(asked, tuple(asking.core.settings.search.entities)) if asked.kind else ()
    return asked.wanted(entities)


def _tell(text: str) -> Tell:
    try:
        return Tell(text or "never")
    except ValueError:
        raise BadParameter("Say when you want to be told: never, at-once, daily or weekly") from None


def _saved(asking: Asking) -> Saved:
    asking.visitor.person  # noqa: B018 - raises for strangers
    if asking.core.saved is None:
        raise Unavailable("Search is not available on this server")
    return asking.core.saved
