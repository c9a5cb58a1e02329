"""Techniques are found by what those above them are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamcat.errors import BadParameter, Unavailable
from beamcat.search.language.meaning import Table, Together
from beamcat.search.ontology import read_ontology
from beamcat.search.tables import SmallTables
from tests.search.service.facility import Facility

HEAD = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"
 xmlns:owl="http://www.w3.org/2002/07/owl#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">"""


def owl(number: str, label: str, *above: str, same: tuple[str, ...] = (), short: str = "") -> str:
    root = "http://purl.org/pan-science/PaNET/PaNET"
    kinds = "".join(f'<rdfs:subClassOf rdf:resource="{root}{one}"/>' for one in above)
    parts = "".join(f'<rdf:Description rdf:about="{root}{one}"/>' for one in same)
    every = f'<owl:intersectionOf rdf:parseType="Collection">{parts}</owl:intersectionOf>'
    equal = f"<owl:equivalentClass><owl:Class>{every}</owl:Class></owl:equivalentClass>" if same else ""
    other = f"<skos:altLabel>{short}</skos:altLabel>" if short else ""
    return f'<owl:Class rdf:about="{root}{number}">{kinds}{equal}<rdfs:label>{label}</rdfs:label>{other}</owl:Class>'


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    classes = [
        owl("00001", "experimental technique"),
        owl("01012", "spectroscopy", "00001", short="spectrometry"),
        owl("01100", "x-ray probe", "00001"),
        owl("01196", "x-ray absorption spectroscopy", same=("01012", "01100")),
        owl("01200", "round", "01201"),
        owl("01201", "about", "01200"),
        *(owl(f"02{number:03d}", f"other {number}", "00001") for number in range(10)),
    ]
    path = tmp_path / "PaNET.owl"
    path.write_text(HEAD + "".join(classes) + "</rdf:RDF>")
    return path


def test_names_of_all_that_a_technique_is_a_kind_of(ontology: Path) -> None:
    read = read_ontology(ontology)
    expected = ("x-ray absorption spectroscopy", "spectroscopy", "spectrometry", "x-ray probe")
    for pid in ("PaNET01196", "http://purl.org/pan-science/PaNET/PaNET01196", "PaNET:PaNET01196"):
        assert read.names(pid) == expected
    assert read.names("PaNET01200") == ("round", "about")
    assert read.names("PaNET99999") == read.names("") == ()


async def test_techniques_of_the_catalogue_by_these_names(known: Facility, ontology: Path) -> None:
    with_ontology = SmallTables(known.site.database, ontology)
    without = SmallTables(known.site.database)
    for tables, found in ((with_ontology, [known.ids["xas"]]), (without, [])):
        table = await tables.one(Table.TECHNIQUE)
        assert [row.id for row in table.called(Together(("spectrometry",)))] == found
        assert [row.id for row in table.called(Together(("spectrometry",)), "name")] == found
        assert table.called(Together(("experimental",))) == []
        assert [row.label for row in table.called(Together(("absorption",)))] == ["x-ray absorption spectroscopy"]


@pytest.mark.parametrize("text", ("", "no XML", "<a/>", HEAD + "</rdf:RDF>"))
async def test_a_file_that_is_none_is_told(known: Facility, tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.owl"
    path.write_text(text)
    with pytest.raises(BadParameter, match=r"wrong\.owl"):
        read_ontology(path)
    with pytest.raises(Unavailable, match="technique_ontology"):
        await SmallTables(known.site.database, path).one(Table.TECHNIQUE)
    with pytest.raises(Unavailable, match="technique_ontology"):
        await SmallTables(known.site.database, tmp_path / "absent.owl").one(Table.TECHNIQUE)
