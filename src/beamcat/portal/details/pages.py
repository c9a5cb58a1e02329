"""All pages of one thing."""

from __future__ import annotations

from beamcat.portal.details.datasets import PAGES as DATASETS
from beamcat.portal.details.editing import PAGES as EDITING
from beamcat.portal.details.instruments import PAGES as INSTRUMENTS
from beamcat.portal.details.investigations import PAGES as INVESTIGATIONS
from beamcat.portal.details.people import PAGES as PEOPLE
from beamcat.portal.details.publications import PAGES as PUBLICATIONS
from beamcat.portal.details.samples import PAGES as SAMPLES

PAGES = (*INVESTIGATIONS, *DATASETS, *SAMPLES, *INSTRUMENTS, *PEOPLE, *PUBLICATIONS, *EDITING)
