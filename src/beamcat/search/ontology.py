"""Which techniques are kinds of which, from an ontology in RDF/XML such as PaNET."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from beamcat.errors import BadParameter

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_RDFS = "{http://www.w3.org/2000/01/rdf-schema#}"
_OWL = "{http://www.w3.org/2002/07/owl#}"
_SKOS = "{http://www.w3.org/2004/02/skos/core#}"
TOO_GENERAL = 0.25
"""A class that has a larger part of all others below it says nothing of them: `experimental technique`."""


class Ontology:
    """Names of classes, by what their IRIs end in: `PaNET01101`."""

    def __init__(self, names: Mapping[str, tuple[str, ...]], above: Mapping[str, frozenset[str]]) -> None:
        self._names, self._above = names, above
        below: dict[str, int] = defaultdict(int)
        for one in names:
            for other in self._all_above(one):
                below[other] += 1
        self._general = {one for one, number in below.items() if number > TOO_GENERAL * len(names)}

    def names(self, pid: str) -> tuple[str, ...]:
        """What a technique, and all that it is a kind of, are called; none for one that is not in the ontology."""
        key = _key(pid)
        if key not in self._names:
            return ()
        kinds = (key, *sorted(self._all_above(key) - self._general))
        return tuple(dict.fromkeys(name for kind in kinds for name in self._names.get(kind, ())))

    def _all_above(self, key: str) -> set[str]:
        found: set[str] = set()
        waiting = [key]
        while waiting:
            for one in self._above.get(waiting.pop(), ()):
                if one not in found and one != key:
                    found.add(one)
                    waiting.append(one)
        return found


def read_ontology(path: Path) -> Ontology:
    """The ontology of a file. Raises `OSError`, or `BadParameter` for one that is not RDF/XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise BadParameter(f"{path.name} is no RDF/XML: {error}") from error
    names: dict[str, tuple[str, ...]] = {}
    above: dict[str, frozenset[str]] = {}
    for one in root.iterchildren(f"{_OWL}Class"):
        about = one.get(f"{_RDF}about")
        if about is None:
            continue
        labels = [*one.iterchildren(f"{_RDFS}label"), *one.iterchildren(f"{_SKOS}altLabel")]
        names[_key(about)] = tuple(text.strip() for label in labels if (text := label.text) and text.strip())
        above[_key(about)] = frozenset(map(_key, _classes_above(one)))
    if not names:
        raise BadParameter(f"{path.name} holds no classes of OWL in RDF/XML")
    return Ontology(names, above)


def _classes_above(one: etree._Element) -> Iterator[str]:
    """What it is said to be a kind of, and what it is, all at once."""
    for kind in one.iterchildren(f"{_RDFS}subClassOf"):
        if (named := kind.get(f"{_RDF}resource")) is not None:
            yield named
    for same in one.iterchildren(f"{_OWL}equivalentClass"):
        for every in same.iter(f"{_OWL}intersectionOf"):
            for part in every:
                if (named := part.get(f"{_RDF}about")) is not None:
                    yield named


def _key(iri: str) -> str:
    return re.split(r"[/#:]", iri.strip().rstrip("/"))[-1]
