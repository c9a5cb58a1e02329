"""Looking into files of data in the portal, and the small pictures of datasets."""

from __future__ import annotations

from pydantic import Field

from beamcat.config.section import Section


class ViewingSettings(Section):
    """What the portal shows of files: HDF5, pictures, text. Files are opened by processes that can do nothing else."""

    processes: int = Field(2, ge=1, le=64)
    """Files that a worker has opened by viewers at the same time. A process takes about 100 MB."""
    timeout_s: float = Field(30, ge=1, le=600)
    """How long one question to a file may take; then its process is ended."""
    memory_bytes: int = Field(4 * 2**30, ge=2**29)
    """Most memory of such a process."""
    answer_bytes: int = Field(256 * 2**20, ge=2**20)
    """Most bytes of values that one answer has: frames of a detector should fit."""
    text_bytes: int = Field(256 * 2**10, ge=2**10, le=2**24)
    """Bytes of a text that are shown; of a longer one it is said how much is missing."""
    picture_bytes: int = Field(256 * 2**20, ge=2**20)
    """Pictures of up to so many bytes are shown."""
    thumbnails: bool = True
    """Whether small pictures of datasets are made, from what their files say is to be plotted."""
    thumbnails_at_once: int = Field(1, ge=1, le=16)
    """Files that are opened for that at the same time, by all workers together."""
    thumbnail_tries: int = Field(3, ge=1, le=100)
    """How often a picture is tried again when its file could not be read."""
