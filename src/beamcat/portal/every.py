"""All pages, and what the head of each shows."""

from __future__ import annotations

from beamcat.portal.account import PAGES as ACCOUNT
from beamcat.portal.administration import PAGES as ADMINISTRATION
from beamcat.portal.administration.announcing import announcements
from beamcat.portal.assisting import PAGES as ASSISTING
from beamcat.portal.basket import HEADERS as IN_HEADS
from beamcat.portal.basket import PAGES as BASKET
from beamcat.portal.browsing.everything import PAGES as BROWSING
from beamcat.portal.browsing.own import PAGES as OWN
from beamcat.portal.browsing.trees import PAGES as TREES
from beamcat.portal.details.pages import PAGES as DETAILS
from beamcat.portal.files.pages import PAGES as FILES
from beamcat.portal.home import PAGES as HOME
from beamcat.portal.page import Page
from beamcat.portal.rendering import Header
from beamcat.portal.searching.pages import PAGES as SEARCHING
from beamcat.portal.settling import PAGES as SETTLING
from beamcat.portal.shares import PAGES as SHARES
from beamcat.portal.signing_in import PAGES as SIGNING_IN
from beamcat.portal.style import PAGES as STYLE

PAGES: tuple[Page, ...] = (
    *HOME,
    *OWN,
    *BROWSING,
    *TREES,
    *SIGNING_IN,
    *SEARCHING,
    *BASKET,
    *SHARES,
    *SETTLING,
    *ACCOUNT,
    *ADMINISTRATION,
    *ASSISTING,
    *STYLE,
    *DETAILS,
    *FILES,
)
HEADERS: tuple[Header, ...] = (announcements, *IN_HEADS)
