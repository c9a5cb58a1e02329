"""The addresses of searching."""

from __future__ import annotations

from beamcat.portal.page import Page
from beamcat.portal.searching import keeping
from beamcat.portal.searching.finding import alike, find
from beamcat.portal.searching.suggestions import suggest

PAGES = (
    Page("/search", find, "search"),
    Page("/search/suggest", suggest, "search_suggest"),
    Page("/search/alike", alike, "search_alike"),
    Page("/search/recent/clear", keeping.clear_recent, "search_recent_clear", "POST"),
    Page("/searches", keeping.list_searches, "searches"),
    Page("/searches", keeping.keep, "search_keep", "POST"),
    Page("/searches/{id}", keeping.change, "search_change", "POST"),
    Page("/searches/{id}/remove", keeping.remove, "search_remove", "POST"),
    Page("/searches/{id}/news", keeping.news, "search_news"),
    Page("/searches/{id}/feed", keeping.make_feed, "search_feed", "POST"),
    Page("/searches/{id}/feed/end", keeping.end_feed, "search_feed_end", "POST"),
)
