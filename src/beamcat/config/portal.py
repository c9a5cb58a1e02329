"""The web portal: how the facility presents itself to people."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from beamcat.config.section import Section, ZoneName


class PortalSettings(Section):
    """The pages at `/`."""

    enabled: bool = True
    """Whether there are pages at all; without them `/` says what the server is and nothing else."""
    facility: str = "Research facility"
    """The facility's name, as the head and foot of each page have it."""
    name: str = "Beamcat"
    """What the portal is called, beside the logo."""
    logo: Path | None = None
    """SVG or PNG file shown in place of Beamcat's mark, 30 pixels high."""
    stylesheet: Path | None = None
    """CSS file read after Beamcat's own: a facility's colours are the variables of `tokens.css`."""
    languages: tuple[str, ...] = Field(("en", "de"), min_length=1)
    """Languages of the pages, the usual one first. A browser that asks for another of them gets that."""
    words: Path | None = None
    """Folder with a file for each language whose words are to be others, such as `en.toml`; and with languages of the
    facility's own."""
    time_zone: ZoneName = "UTC"
    """IANA name of the zone in which the pages tell times, such as `Europe/Berlin`."""
    contact: str | None = None
    """Mail address people are told to write to."""
    links: dict[str, str] = Field(default_factory=dict)
    """Further links of the foot: what they say and where they lead, such as `Privacy`."""
    rows: int = Field(50, ge=5, le=500)
    """Rows of a page of a list."""
    shares: bool = True
    """Whether people who have signed in may share what they may read by secret links."""
    share_days: int = Field(365, ge=1, le=3650)
    """How many days such a link may last."""
    count_at_most: int = Field(100_000, ge=100)
    """Lists are counted up to here; longer ones are said to be longer."""
