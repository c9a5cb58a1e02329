"""The language as the settings have it."""

from __future__ import annotations

from collections.abc import Mapping

from beamcat.config.search_language import SearchLanguageSettings
from beamcat.search.fields import DocumentType
from beamcat.search.language.reading import Language
from beamcat.search.language.scanning import Limits
from beamcat.search.language.synonyms import read_synonyms
from beamcat.search.units import shared_units


def open_language(settings: SearchLanguageSettings, documents: Mapping[str, DocumentType]) -> Language:
    """Files and units are read once; it takes about a second.

    Raises `BadParameter` for a line of a file, or a unit, that says nothing, and `OSError` for a file that is missing.
    """
    synonyms = read_synonyms(settings.synonyms, elements=settings.element_names, techniques=settings.technique_names)
    limits = Limits(settings.max_length, settings.max_nesting, settings.max_terms)
    return Language(documents, shared_units(settings.units), synonyms, limits)
