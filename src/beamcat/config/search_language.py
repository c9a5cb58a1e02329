"""The language of search: limits of a text, other names of words, and units."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from beamcat.config.section import Section


class SearchLanguageSettings(Section):
    """How the text of a search is read."""

    max_length: int = Field(4_000, ge=1, le=100_000)
    """Most characters of a text."""
    max_nesting: int = Field(20, ge=1, le=100)
    """Most parentheses and negations inside each other."""
    max_terms: int = Field(100, ge=1, le=10_000)
    """Most words, phrases and conditions of a text."""
    synonyms: tuple[Path, ...] = ()
    """Files with other names of words, in the format of Solr (`synonym.txt` of ICAT's search component): `a, b` looks
    for each as the other, `a => b` for a as b. They are read when the server starts; no index has to be made anew."""
    element_names: bool = True
    """Find chemical elements by name and by symbol: `iron` is also looked for as `Fe`."""
    technique_names: bool = True
    """Find techniques by their names and for short, after the PaNET ontology: `XAS`, x-ray absorption spectroscopy."""
    technique_ontology: Path | None = None
    """An ontology of techniques in RDF/XML, such as PaNET.owl from http://purl.org/pan-science/PaNET/PaNET.owl.
    Techniques of the catalogue are then also found by what those above them, by their PIDs, are called:
    `technique:tomography` finds all kinds of tomography."""
    units: str = ""
    """Further spellings of units, as in ICAT's setting `units`: `T: Gs 1e-4; degC: celsius, Grad C; K: kelvin`. Before
    the colon stands a known unit, behind it other names of it, or of so many of it."""
