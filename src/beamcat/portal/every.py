"""All pages, and what the head of each shows."""

from __future__ import annotations

from beamcat.portal.home import PAGES as HOME
from beamcat.portal.page import Page
from beamcat.portal.rendering import Header
from beamcat.portal.settling import PAGES as SETTLING
from beamcat.portal.signing_in import PAGES as SIGNING_IN
from beamcat.portal.style import PAGES as STYLE

PAGES: tuple[Page, ...] = (*HOME, *SIGNING_IN, *SETTLING, *STYLE)
HEADERS: tuple[Header, ...] = ()
