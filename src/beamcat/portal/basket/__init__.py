"""Taking data home: the basket, requested downloads, and data that come back from tape."""

from beamcat.portal.basket.basket import basket
from beamcat.portal.basket.changing import add_all, change
from beamcat.portal.basket.downloads import ask_again, changes, delete, downloads
from beamcat.portal.basket.head import basket_in_head
from beamcat.portal.basket.one import download
from beamcat.portal.basket.requesting import request
from beamcat.portal.basket.restoring import restore, restoring
from beamcat.portal.page import Page
from beamcat.portal.rendering import Header

PAGES = (
    Page("/basket", basket, "basket"),
    Page("/basket", change, "basket", "POST"),
    Page("/downloads", downloads, "downloads"),
    Page("/downloads", request, "downloads", "POST"),
    Page("/downloads/changes", changes, "downloads-changes"),
    Page("/downloads/{id}", download, "download"),
    Page("/downloads/{id}/again", ask_again, "download-again", "POST"),
    Page("/downloads/{id}/delete", delete, "download-delete", "POST"),
    Page("/restore", restoring, "restore"),
    Page("/restore", restore, "restore", "POST"),
)
HEADERS: tuple[Header, ...] = (basket_in_head,)

__all__ = ["HEADERS", "PAGES", "add_all"]
