"""Sharing data by secret links: making them, and the pages they open."""

from beamcat.portal.page import Page
from beamcat.portal.shares.own import make, mine, new, revoke
from beamcat.portal.shares.shown import bytes_of, bytes_of_known, inside, inside_known, shared, shared_known

PAGES = (
    Page("/shares", mine, "shares"),
    Page("/shares", make, "shares", "POST"),
    Page("/shares/new", new, "share-new"),
    Page("/shares/{id}/revoke", revoke, "share-revoke", "POST"),
    Page("/shares/{id}/data", bytes_of_known, "shared-data"),
    Page("/shares/{id}/{kind}/{thing}", inside_known, "shared-inside"),
    Page("/shares/{id}", shared_known, "shared"),
    Page("/shared/{key}", shared, "shared"),
    Page("/shared/{key}/data", bytes_of, "shared-data"),
    Page("/shared/{key}/{kind}/{thing}", inside, "shared-inside"),
)

__all__ = ["PAGES"]
