"""Saved searches: `/api/searches`, the feed and the end of mails of each of them, and `/api/search.atom`."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

from beamcat.access.caller import Caller
from beamcat.doors.api.atom import MEDIA_TYPE, Entry, Feed, feed_response
from beamcat.doors.api.calls import AnyCall, Asking, Call, Nothing
from beamcat.doors.api.problems import SignInFirst
from beamcat.doors.api.saved_models import (
    FeedKeyTold,
    FeedParameters,
    HitsParameters,
    KeptSearch,
    NewsAnswer,
    NewsTold,
    OneSearch,
    PublicFeedParameters,
    SavedSearchBody,
    SavedSearchesTold,
    SavedSearchTold,
    StopParameters,
)
from beamcat.doors.api.search_answers import ENTITY_OF, KIND_OF, search_answer
from beamcat.doors.api.search_models import FacetAsked, FilterAsked, RangeAsked, SearchAnswer
from beamcat.doors.core import Core, bearer
from beamcat.doors.search_words import filters_in
from beamcat.doors.urls import public_url
from beamcat.errors import BeamcatError, Forbidden, Unavailable
from beamcat.protection.visits import current_visit
from beamcat.search import wanted
from beamcat.search.saved.opening import Saved
from beamcat.search.saved.searches import SavedSearch, Wish
from beamcat.search.wanted import RELEVANCE, SortAsked, Wanted

SUBJECT = "Saved searches"
PRIVATE = "private, no-cache"
PUBLIC = "public, max-age=300"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed without entries was changed."""
PAGE_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


async def list_searches(asking: Asking[Nothing, None]) -> SavedSearchesTold:
    """GET /api/searches."""
    saved, caller = _saved(asking.core), await _user(asking)
    return SavedSearchesTold(
        searches=tuple(_told(each) for each in await saved.searches.list_owned(caller)),
        most=saved.settings.max_per_user,
        mails=saved.posting is not None,
    )


async def create(asking: Asking[Nothing, SavedSearchBody]) -> SavedSearchTold:
    """POST /api/searches."""
    return _told(await _saved(asking.core).create(await _user(asking), _wish(asking.body)))


async def get(asking: Asking[OneSearch, None]) -> SavedSearchTold:
    """GET /api/searches/{id}."""
    return _told(await _owned(asking, asking.parameters.id))


async def change(asking: Asking[OneSearch, SavedSearchBody]) -> SavedSearchTold:
    """PUT /api/searches/{id}."""
    caller = await _user(asking)
    return _told(await _saved(asking.core).change(caller, asking.parameters.id, _wish(asking.body)))


async def remove(asking: Asking[OneSearch, None]) -> None:
    """DELETE /api/searches/{id}."""
    await _saved(asking.core).searches.remove(await _user(asking), asking.parameters.id)


async def hits(asking: Asking[HitsParameters, None]) -> SearchAnswer:
    """GET /api/searches/{id}/hits."""
    search, asked = await _owned(asking, asking.parameters.id), asking.parameters
    found = await _saved(asking.core).run(
        asking.caller, search, limit=asked.limit, after=asked.after, highlight=asked.highlight
    )
    return search_answer(found, highlight=asked.highlight)


async def news(asking: Asking[OneSearch, None]) -> NewsAnswer:
    """GET /api/searches/{id}/news."""
    search = await _owned(asking, asking.parameters.id)
    server_url = public_url(asking.request, asking.core)
    matches = await _saved(asking.core).matches.latest(search)
    return NewsAnswer(
        matches=tuple(
            NewsTold(
                kind=KIND_OF[each.shown.entity],
                id=each.shown.id,
                title=each.shown.title,
                summary=each.shown.summary,
                link=each.shown.link(server_url),
                found=each.found,
            )
            for each in matches
        )
    )


async def make_feed(asking: Asking[OneSearch, None]) -> FeedKeyTold:
    """POST /api/searches/{id}/feed."""
    identifier = asking.parameters.id
    key = await _saved(asking.core).new_feed_key(await _user(asking), identifier)
    return FeedKeyTold(url=f"{public_url(asking.request, asking.core)}/api/searches/{identifier}/feed?key={key}")


async def end_feed(asking: Asking[OneSearch, None]) -> None:
    """DELETE /api/searches/{id}/feed."""
    await _saved(asking.core).searches.revoke_feed_key(await _user(asking), asking.parameters.id)


async def feed(asking: Asking[FeedParameters, None]) -> Response:
    """GET /api/searches/{id}/feed: with its key, and without a session."""
    saved = _saved(asking.core)
    search = await saved.searches.of_feed(asking.parameters.id, asking.parameters.key)
    if (visit := current_visit()) is not None:
        visit.user(await asking.core.rulebooks.caller(search.owner))
    matches = await saved.matches.latest(search)
    made = Feed(
        path=f"searches/{search.id}",
        title=search.name,
        url=None,
        updated=search.created,
        entries=[Entry(each.shown, each.found) for each in matches],
    )
    return feed_response(made, public_url(asking.request, asking.core), asking.request, PRIVATE)


async def public_feed(asking: Asking[PublicFeedParameters, None]) -> Response:
    """GET /api/search.atom: what everybody may see, whoever asks."""
    core, asked = asking.core, asking.parameters
    client = asking.request.client
    identifier = await core.sessions.anonymous(client.host if client else "")
    if identifier is None:
        raise Forbidden("This facility is not open to anonymous visitors; keep a search, which has a feed of its own")
    caller = await core.caller(identifier)
    question = Wanted(
        text=asked.q,
        entities=tuple(dict.fromkeys(ENTITY_OF[kind] for kind in asked.kind)),
        manner=asked.manner,
        filters=filters_in(asked.filter),
    )
    newest = await _saved(core).matches.newest(caller, question)
    url = public_url(asking.request, core)
    made = Feed(
        path=f"search?{asking.request.url.query}",
        title=asked.q or "Everything",
        url=f"{url}/api/search.atom?{asking.request.url.query}",
        updated=NEVER,
        entries=[Entry(each, each.changed) for each in newest],
    )
    return feed_response(made, url, asking.request, PUBLIC)


async def stop_page(asking: Asking[StopParameters, None]) -> Response:
    """GET /api/searches/{id}/stop: a page with a button. Programs that look through mails open it: nothing happens."""
    asked = asking.parameters
    name = await _saved(asking.core).searches.name_of_stop(asked.id, asked.key)
    button = f'<form method="post" action="?key={asked.key}"><button>No more mails</button></form>'
    return _page(f"<p>A mail is sent when there are new matches for <em>{escape(name)}</em>.</p>{button}")


async def stop(asking: Asking[StopParameters, None]) -> Response:
    """POST /api/searches/{id}/stop: no more mails, by the button or by a mail program (RFC 8058)."""
    asked = asking.parameters
    name = await _saved(asking.core).searches.stop(asked.id, asked.key)
    return _page(f"<p>You will get no more mails about <em>{escape(name)}</em>.</p>")


def _saved(core: Core) -> Saved:
    if core.saved is None:
        raise Unavailable("Search is not available on this server; its log says why")
    return core.saved


async def _user(asking: Asking[Any, Any]) -> Caller:
    """The caller, who has signed in as somebody."""
    identifier = bearer(asking.request.headers.get("authorization"))
    if identifier is None:
        raise SignInFirst
    sign_in = asking.core.sessions.sign_ins.get((await asking.core.sessions.find(identifier)).plugin)
    if sign_in is not None and sign_in.authenticator.shares_session:
        raise Forbidden("Searches are kept for those who have signed in; anonymous visitors can use /api/search.atom")
    return asking.caller


async def _owned(asking: Asking[Any, Any], identifier: int) -> SavedSearch:
    return await _saved(asking.core).searches.owned(await _user(asking), identifier)


def _wish(body: SavedSearchBody) -> Wish:
    asked = body.search
    question = Wanted(
        text=asked.q,
        entities=tuple(dict.fromkeys(ENTITY_OF[kind] for kind in asked.kind)),
        manner=asked.manner,
        filters=tuple(wanted.Filter(**dict(one)) for one in asked.filters),
        facets=tuple(
            wanted.FacetAsked(**{**dict(one), "ranges": tuple(wanted.RangeAsked(**dict(each)) for each in one.ranges)})
            for one in asked.facets
        ),
        sort=SortAsked.read(asked.sort),
        mine=asked.mine,
    )
    return Wish(body.name, question, body.tell, body.email or None)


def _told(search: SavedSearch) -> SavedSearchTold:
    try:
        kept = _kept(search.wanted)
    except BeamcatError:
        kept = None
    return SavedSearchTold(
        id=search.id,
        name=search.name,
        search=kept,
        tell=search.tell,
        email=search.email,
        has_feed=search.has_feed,
        created=search.created,
        changed=search.changed,
        looked=search.looked,
        problem=search.problem,
    )


def _kept(kept: Wanted) -> KeptSearch:
    sort = RELEVANCE if kept.sort is None else kept.sort.written()
    return KeptSearch(
        q=kept.text,
        kind=tuple(KIND_OF[entity] for entity in kept.entities),
        manner=kept.manner,
        sort=sort,
        mine=kept.mine,
        filters=tuple(FilterAsked(**_members(each)) for each in kept.filters),
        facets=tuple(
            FacetAsked(**{**_members(each), "ranges": tuple(RangeAsked(**_members(one)) for one in each.ranges)})
            for each in kept.facets
        ),
    )


def _members(value: wanted.Filter | wanted.FacetAsked | wanted.RangeAsked) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _page(content: str) -> Response:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Saved search</title>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Saved search</h1>{content}</body></html>'
    return HTMLResponse(page, headers=PAGE_HEADERS)


CALLS: tuple[AnyCall, ...] = (
    Call(
        method="GET",
        path="/searches",
        name="saved_searches",
        summary="Your saved searches",
        subject=SUBJECT,
        answer=list_searches,
        parameters=Nothing,
        told=SavedSearchesTold,
    ),
    Call(
        method="POST",
        path="/searches",
        name="saved_search_create",
        summary="Save a search",
        description="What it finds by now is not new.",
        subject=SUBJECT,
        answer=create,
        parameters=Nothing,
        body=SavedSearchBody,
        told=SavedSearchTold,
        status=201,
        may_fail=(409, 422),
    ),
    Call(
        method="GET",
        path="/searches/{id}",
        name="saved_search",
        summary="A saved search",
        subject=SUBJECT,
        answer=get,
        parameters=OneSearch,
        told=SavedSearchTold,
        may_fail=(404,),
    ),
    Call(
        method="PUT",
        path="/searches/{id}",
        name="saved_search_change",
        summary="Change a saved search",
        description="All of it is replaced. When something else is looked for, what is found by now is not new.",
        subject=SUBJECT,
        answer=change,
        parameters=OneSearch,
        body=SavedSearchBody,
        told=SavedSearchTold,
        may_fail=(404, 409),
    ),
    Call(
        method="DELETE",
        path="/searches/{id}",
        name="saved_search_remove",
        summary="Remove a saved search",
        subject=SUBJECT,
        answer=remove,
        parameters=OneSearch,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/searches/{id}/hits",
        name="saved_search_hits",
        summary="What a saved search finds now",
        subject=SUBJECT,
        answer=hits,
        parameters=HitsParameters,
        told=SearchAnswer,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/searches/{id}/news",
        name="saved_search_news",
        summary="What a saved search has found lately",
        description="What its mails and its feed tell, as far as you may see it now.",
        subject=SUBJECT,
        answer=news,
        parameters=OneSearch,
        told=NewsAnswer,
        may_fail=(404,),
    ),
    Call(
        method="POST",
        path="/searches/{id}/feed",
        name="saved_search_feed_make",
        summary="Make a feed of a saved search",
        description="The URL is told this once. A feed made before ends.",
        subject=SUBJECT,
        answer=make_feed,
        parameters=OneSearch,
        told=FeedKeyTold,
        may_fail=(404,),
    ),
    Call(
        method="DELETE",
        path="/searches/{id}/feed",
        name="saved_search_feed_end",
        summary="End the feed of a saved search",
        subject=SUBJECT,
        answer=end_feed,
        parameters=OneSearch,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/searches/{id}/feed",
        name="saved_search_feed",
        summary="The feed of a saved search",
        description="What was found lately that the owner of the search may see now.",
        subject=SUBJECT,
        answer=feed,
        parameters=FeedParameters,
        media_type=MEDIA_TYPE,
        is_open=True,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/searches/{id}/stop",
        name="saved_search_stop_page",
        summary="A page to refuse mails about a saved search",
        subject=SUBJECT,
        answer=stop_page,
        parameters=StopParameters,
        media_type="text/html",
        is_open=True,
        may_fail=(404,),
    ),
    Call(
        method="POST",
        path="/searches/{id}/stop",
        name="saved_search_stop",
        summary="Refuse mails about a saved search",
        description="As mail programs do it by one click (RFC 8058): with the key in the mail, and without signing in.",
        subject=SUBJECT,
        answer=stop,
        parameters=StopParameters,
        media_type="text/html",
        is_open=True,
        may_fail=(404,),
    ),
    Call(
        method="GET",
        path="/search.atom",
        name="search_feed",
        summary="A feed of a search",
        description="The newest objects that it finds among what everybody may see.",
        subject=SUBJECT,
        answer=public_feed,
        parameters=PublicFeedParameters,
        media_type=MEDIA_TYPE,
        is_open=True,
    ),
)
