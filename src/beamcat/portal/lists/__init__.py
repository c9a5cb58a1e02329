"""Lists: every table of the portal, declared once and filtered, sorted, paged, counted and exported on the server."""

from beamcat.portal.lists.declaring import Cell, Column, Kind, ListOf, Option, Row, Within
from beamcat.portal.lists.looking import Shown, look

__all__ = ["Cell", "Column", "Kind", "ListOf", "Option", "Row", "Shown", "Within", "look"]
