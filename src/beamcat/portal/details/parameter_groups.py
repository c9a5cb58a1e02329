"""By their names, what parameters speak of: the catalogue keeps them in one long list."""

from __future__ import annotations

import re

_WORDS = {
    "beam": """energy wavelength flux beam monochromator undulator gap slit slits attenuator mirror bandwidth incident
        chopper proton polarisation polarization source ring current charge photon neutron""",
    "sample": "sample mass thickness concentration ph formula prepared safety space cell holder",
    "environment": """temperature pressure field voltage humidity gas potential strain load cryostat furnace magnet
        environment atmosphere""",
    "detector": "detector exposure frame frames pixel distance camera gain threshold count counts",
    "scan": """scan rotation step steps range voxel q angle position motor omega phi chi theta projections points edge
        element absorbing absorption time""",
    "result": """resolution completeness r rwp wp radius gyration refinement fit software program version workflow
        process reconstruction multiplicity cc""",
    "proposal": "shifts discipline report licence license proposal funding experiment",
}
"""Words of names, by group; the first group that has one of them is it."""
SUBJECTS = {key: frozenset(words.split()) for key, words in _WORDS.items()}
"""The groups in the order in which they are shown."""
OTHER = "more"
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PREFIX = re.compile(r"^([A-Za-z][A-Za-z0-9]{3,}?)(?:__|[_./:])")


def subject(name: str) -> str | None:
    """The group that a name belongs to; None where nobody can tell."""
    words = [word.lower() for word in _WORD.findall(name)]
    return next((key for key, known in SUBJECTS.items() if not known.isdisjoint(words)), None)


def prefix(name: str) -> str | None:
    """What stands before the first separator of a name: `InstrumentSlitPrimary` of many facilities' names."""
    found = _PREFIX.match(name)
    return found[1] if found else None
