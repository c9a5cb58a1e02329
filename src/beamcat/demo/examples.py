"""The datasets that the hints of `beamcat demo` and the documentation name, by their permanent URLs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from beamcat.demo.vocabulary import FACILITY


@dataclass(frozen=True, slots=True)
class Example:
    """A dataset of open data. `file` is one of its files."""

    investigation: str
    visit_id: str
    dataset: str
    file: str

    @property
    def key(self) -> tuple[str, str]:
        """Visit and name."""
        return self.visit_id, self.dataset

    @property
    def path(self) -> str:
        """The permanent URL of the dataset, after the address of the server."""
        return "/".join(("/data", *map(quote, (FACILITY, self.investigation, *self.key))))

    @property
    def file_path(self) -> str:
        """The permanent URL of the file."""
        return f"{self.path}/{quote(self.file)}"


ON_DISK = Example("MX-2124", "MX-2124-1", "naoxB_charge3C_0001", "naoxB_charge3C_0001_master.h5")
"""Powder diffraction of a battery while it is charged."""
ON_TAPE = Example("MX-1924", "MX-1924-1", "scoB_warm_0001", "scoB_warm_0001_master.h5")
"""The same of a material that changes its spin."""
