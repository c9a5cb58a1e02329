"""The units in which a value is offered, beside the one it was recorded in."""

from __future__ import annotations

import pytest

from beamcat.search.unit_choices import choices
from beamcat.search.units import shared_units


@pytest.mark.parametrize(
    ("unit", "offered"),
    [
        ("keV", ("keV", "eV", "MeV", "meV")),
        ("K", ("K", "°C")),
        ("degC", ("degC", "K")),
        ("seconds", ("seconds", "ms", "min", "µs")),
        ("deg", ("deg", "rad", "mrad")),
        ("ph/s", ("ph/s",)),
        ("%", ("%",)),
        ("counts", ("counts",)),
        ("widgets", ("widgets",)),
        ("", ("",)),
    ],
)
def test_a_unit_is_offered_with_its_neighbours(unit: str, offered: tuple[str, ...]) -> None:
    assert choices(shared_units(""), unit) == offered
