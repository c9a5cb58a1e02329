"""The addresses of files."""

from __future__ import annotations

from beamcat.portal.files.content import content, picture
from beamcat.portal.files.file import file_page, restore
from beamcat.portal.files.hdf5 import hdf5
from beamcat.portal.files.thumbnails import thumbnail
from beamcat.portal.files.tree import files, pick
from beamcat.portal.page import Page

PAGES = (
    Page("/datasets/{id}/files", files, "files"),
    Page("/datasets/{id}/files", pick, "files to basket", "POST"),
    Page("/datafiles/{id}", file_page, "datafile"),
    Page("/datafiles/{id}/content", content, "content of a datafile"),
    Page("/datafiles/{id}/picture", picture, "picture of a datafile"),
    Page("/datafiles/{id}/restore", restore, "restore a datafile", "POST"),
    Page("/datafiles/{id}/h5/{question}", hdf5, "inside of a datafile"),
    Page("/thumbnails/{id}", thumbnail, "thumbnail"),
)
