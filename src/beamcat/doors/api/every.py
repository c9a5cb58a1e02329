"""All calls of this interface. Who adds a module of calls names it here."""

from __future__ import annotations

from beamcat.doors.api import saved_searches, search
from beamcat.doors.api.calls import AnyCall

CALLS: tuple[AnyCall, ...] = (*search.CALLS, *saved_searches.CALLS)
