"""What people ask, and which of the texts in `science` they mean: in other words than the texts have, and in the same.

How good an answer is: 1 for the right text in the first place, 1/2 in the second, ..., 0 beyond the tenth; then the
mean over all questions (mean reciprocal rank).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tests.search.meanings.science import TEXTS

MOST = 10

IN_OTHER_WORDS = (
    ("dendrites when cells are charged in the cold", "Lithium plating on graphite anodes"),
    ("swelling of the negative pole", "Silicon anode expansion"),
    ("mechanical fracture by rapid charging", "Cathode particles crack during fast charge"),
    ("soaking of the separator", "Electrolyte filling of pouch cells"),
    ("moisture damage of solar panels", "Photovoltaic absorber degradation in humid air"),
    ("lead-free photovoltaics", "Tin perovskite absorber oxidation"),
    ("plastic solar panels", "Organic solar cell blends"),
    ("drugs against a coronavirus", "Ligand binding to a viral protease"),
    ("antimicrobials and the machine that makes proteins", "Ribosome complex with antibiotic"),
    ("how the immune system recognises a pathogen", "Antibody complex with viral protein"),
    ("samples destroyed by the beam", "Radiation damage in protein crystals"),
    ("ultrafast movie of a biomolecule", "Time resolved crystallography of an enzyme"),
    ("magnons", "Spin waves in a frustrated magnet"),
    ("magnetic vortices", "Skyrmion lattice in a chiral magnet"),
    ("read heads of hard disks", "Exchange bias in thin multilayers"),
    ("neodymium", "Magnetic anisotropy of rare earth magnets"),
    ("purification of car exhaust", "Carbon monoxide oxidation on platinum nanoparticles"),
    ("fuel from greenhouse gas", "Carbon dioxide reduction to methanol"),
    ("use of natural gas", "Methane conversion over zeolites"),
    ("prehistoric plumage", "Feathers preserved in amber"),
    ("hearing organ of ancient animals", "Inner ear of a fossil bird"),
    ("bugs trapped in resin", "Insects preserved in amber"),
    ("dentition of our ancestors", "Tooth growth lines of extinct hominins"),
    ("baby reptiles before hatching", "Dinosaur eggs with embryos"),
)
"""Question, and the title of the text that is meant."""
IN_THE_SAME_WORDS = (
    ("solid electrolyte interphase", "Solid electrolyte interphase in lithium cells"),
    ("grain boundaries", "Grain boundaries in photovoltaic films"),
    ("ribosome", "Ribosome complex with antibiotic"),
    ("exchange bias", "Exchange bias in thin multilayers"),
    ("sintering of platinum", "Catalyst deactivation by sintering"),
    ("Cambrian embryos", "Fossil embryos from the Cambrian"),
)

Asks = Callable[[str], Awaitable[Sequence[int]]]
"""The numbers of texts that are found for a question, best first."""


async def goodness(asks: Asks, questions: Sequence[tuple[str, str]]) -> float:
    """How good the answers to these questions are."""
    total = 0.0
    for question, title in questions:
        (wanted,) = (number for number, text in enumerate(TEXTS) if text.startswith(f"{title}."))
        found = list(await asks(question))[:MOST]
        total += 1 / (1 + found.index(wanted)) if wanted in found else 0.0
    return total / len(questions)
