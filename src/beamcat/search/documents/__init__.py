"""The documents, declared once: what they hold, and the statement that makes them."""

from __future__ import annotations

from collections.abc import Mapping

from beamcat.search.documents.datafile import DATAFILE_DOCUMENTS
from beamcat.search.documents.dataset import DATASET_DOCUMENTS
from beamcat.search.documents.investigation import INVESTIGATION_DOCUMENTS
from beamcat.search.documents.others import INSTRUMENT_DOCUMENTS, PUBLICATION_DOCUMENTS, SAMPLE_DOCUMENTS
from beamcat.search.documents.statement import Documents

DOCUMENTS: Mapping[str, Documents] = {
    documents.type.entity: documents
    for documents in (
        INVESTIGATION_DOCUMENTS,
        DATASET_DOCUMENTS,
        DATAFILE_DOCUMENTS,
        SAMPLE_DOCUMENTS,
        INSTRUMENT_DOCUMENTS,
        PUBLICATION_DOCUMENTS,
    )
}
"""Entity -> its documents."""
