"""Units: what is one, what a value is in another, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter
from beamcat.search.units import Units, does_not_fit, same_as, shared_units


def usual() -> Units:
    """Read when a test asks: it takes half a second, and every process of a run loads this file."""
    return shared_units("")


@pytest.mark.parametrize(
    "text",
    [
        *("K", "degC", "°C", "℃", "keV", "mbar", "Å", "\u212b", "angstrom", "AA", "Å^-1", "Å⁻¹", "1/angstrom", "%"),
        *("m/s", "m s^-1", "m.s-1", "m·s⁻¹", "J/(kg K)", "counts/s", "counts per second", "um", "µm", "μm", "Torr"),
        *("kOhm", "deg/min", "m^2", "m2", "GHz", "rad", "[K]", "deg C"),
    ],
)
def test_these_are_units(text: str) -> None:
    assert usual().knows(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "neutron", "widgets", "9**9**9", "m**99999999", "1e5", "m" * 100, "()", "__import__('os')", "a.b("],
)
def test_these_are_none(text: str) -> None:
    assert not usual().knows(text)


def test_a_word_that_is_a_unit_too_is_a_word_behind_a_space() -> None:
    assert usual().knows("in")
    assert not usual().follows("in")
    assert not usual().follows("at")
    assert usual().follows("us")
    assert usual().follows("K")


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (20, "degC", "K", 293.15),
        (293.15, "K", "degC", 20),
        (20, "C", "K", 293.15),
        (293.15, "K", "C", 20),
        (20, "C", "degF", 68),
        (1, "C", "mC", 1000),
        (7.1, "keV", "eV", 7100),
        (1, "nm", "Å", 10),
        (1, "1/Å", "nm^-1", 10),
        (1, "mT", "T", 1e-3),
        (1, "MT", "T", 1e6),
        (1, "GPa", "bar", 1e4),
        (180, "deg", "rad", 3.141592653589793),
        (5, "degC/min", "K/min", 5),
        (5, "widgets", "widgets", 5),
        (5, "widgets", "Widgets", None),
        (5, "K", "keV", None),
        (5, "K", "", None),
    ],
)
def test_a_value_in_another_unit(value: float, unit: str, to: str, expected: float | None) -> None:
    found = usual().convert(value, unit, to)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (20, "degC", (293.15, "K")),
        (1, "mbar", (100, "kg/m/s**2")),
        (1, "Å^-1", (1e10, "1/m")),
        (2, "m/s", (2, "m/s")),
        (5, "widgets", None),
    ],
)
def test_a_value_in_units_of_the_si(value: float, unit: str, expected: tuple[float, str] | None) -> None:
    found = usual().to_si(value, unit)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], found[1]) == (pytest.approx(expected[0]), expected[1])


def test_a_site_adds_spellings_as_in_icat() -> None:
    units = Units("J: eV 1.602176634e-19; degC: celsius, Grad C; T: Gs 1e-4; K: kelvin")
    assert units.convert(20, "celsius", "K") == pytest.approx(293.15)
    assert units.convert(20, "Grad C", "K") == pytest.approx(293.15)
    assert units.convert(2, "Gs", "mT") == pytest.approx(0.2)
    assert units.convert(1, "T", "Gs") == pytest.approx(1e4)
    assert units.convert(1, "eV", "J") == pytest.approx(1.602176634e-19)
    for wrong in ("widgets: w", "K"):
        with pytest.raises(BadParameter, match="units are written as"):
            Units(wrong)


def test_the_error_says_which_units_there_are() -> None:
    assert does_not_fit("energy", "K", ["eV", "", "keV"]).message == (
        "'energy' cannot be compared in 'K': its values are in eV, keV, no unit"
    )


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="mKsgkeVÅ°C^*-+/(). 0123456789", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_unit_or_none(text: str) -> None:
    if usual().knows(text):
        usual().to_si(1.5, text)
    usual().convert(1.5, text, "K")


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from([("degC", "K"), ("keV", "eV"), ("nm", "Å"), ("bar", "Pa")]))
def test_there_and_back_is_the_same_value(value: float, units: tuple[str, str]) -> None:
    there = usual().convert(value, *units)
    assert there is not None
    back = usual().convert(there, *reversed(units))
    assert back == pytest.approx(value, abs=1e-9)
    low, high = same_as(value)
    assert low <= value <= high
