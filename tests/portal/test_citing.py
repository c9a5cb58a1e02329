"""Citations of published data, in three styles."""

from __future__ import annotations

from beamcat.portal.details.citing import Author, Cited, apa, citations, datacite, ieee

ADDRESS = "https://doi.org/10.5072/x"
TWO = Cited((Author("Beamish", "Maya"), Author("Rayon", "Jean-Luc P.")), "2024", "Cells at rest", "Facility", ADDRESS)


def test_two_authors_are_cited_as_each_style_wants_it() -> None:
    assert datacite(TWO) == f"Beamish, M.; Rayon, J.-L. P. (2024): Cells at rest. Facility. (Dataset). {ADDRESS}"
    assert apa(TWO) == f"Beamish, M., & Rayon, J.-L. P. (2024). Cells at rest [Data set]. Facility. {ADDRESS}"
    assert ieee(TWO) == (
        f"M. Beamish and J.-L. P. Rayon, “Cells at rest,” Facility, 2024. [Online]. Available: {ADDRESS}"
    )


def test_very_many_authors_are_cut() -> None:
    crowd = Cited([Author(f"A{number}", "Bo") for number in range(30)], "2024", "T", "F", ADDRESS)
    assert apa(crowd).count("A") == 20
    assert "… A29, B." in apa(crowd)
    assert ieee(crowd).startswith("B. A0 et al., ")
    assert datacite(crowd).count(";") == 29


def test_without_authors_the_publisher_stands_for_them() -> None:
    told = dict(citations(Cited((), "2024", "T", "The Facility", ADDRESS)))
    assert told["DataCite"].startswith("The Facility (2024): T. The Facility.")
