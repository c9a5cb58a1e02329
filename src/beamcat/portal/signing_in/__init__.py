"""Signing in and out: by name and password, at a provider, and staying so."""

from __future__ import annotations

from beamcat.portal.page import Page
from beamcat.portal.signing_in import elsewhere, pages, staying

PAGES: tuple[Page, ...] = (*pages.PAGES, *staying.PAGES, *elsewhere.PAGES)
