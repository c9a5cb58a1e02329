"""What people measure at the example facility: fields, materials, conditions, and words for titles and summaries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Material:
    """Something to put into the beam. `plural` is how a title speaks of it, `short` begins names of samples."""

    plural: str
    short: str
    formula: str
    safety: str = "green"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of science: its materials, what is done to them, and why anybody cares."""

    name: str
    materials: tuple[Material, ...]
    conditions: tuple[str, ...]
    keywords: tuple[str, ...]
    why: str
    instruments: tuple[str, ...]


FIELDS = (
    Field(
        "Energy storage",
        (
            Material("NMC 811 cathodes", "nmc811", "LiNi0.8Mn0.1Co0.1O2", "yellow"),
            Material("sodium layered cathodes", "naox", "NaNi1/3Fe1/3Mn1/3O2", "yellow"),
            Material("lithium iron phosphate electrodes", "lfp", "LiFePO4"),
            Material("silicon-graphite anodes", "sigr", "SiC6", "yellow"),
            Material("sulfide solid electrolytes", "lps", "Li3PS4", "red"),
            Material("zinc-air cells", "znair", "ZnO"),
        ),
        ("during fast charging", "over the first ten cycles", "after 500 cycles", "at low temperature", "at rest"),
        ("battery", "operando", "cathode", "ageing", "electrochemistry"),
        "Cells for vehicles lose capacity faster than their chemistry explains.",
        ("ML05", "ML07", "ML11", "ML19", "N05"),
    ),
    Field(
        "Photovoltaics",
        (
            Material("formamidinium lead iodide perovskites", "fapi", "CH5N2PbI3", "yellow"),
            Material("tin halide perovskites", "fasni", "CH5N2SnI3", "yellow"),
            Material("kesterite absorber layers", "czts", "Cu2ZnSnS4"),
            Material("caesium lead bromide nanocrystals", "cspb", "CsPbBr3", "yellow"),
        ),
        ("under illumination", "in humid air", "on annealing", "with alkali additives", "on flexible substrates"),
        ("perovskite", "solar cell", "thin film", "degradation"),
        "Solar cells of these materials are efficient on the first day and less so in the first year.",
        ("ML05", "ML07", "ML14", "ML19"),
    ),
    Field(
        "Catalysis",
        (
            Material("copper zinc oxide catalysts", "cuzno", "CuZnO2"),
            Material("supported platinum clusters", "ptalo", "PtAl2O3"),
            Material("nickel dry-reforming catalysts", "nimgo", "NiMgO2"),
            Material("iron single-atom catalysts", "fenc", "FeN4C"),
            Material("cobalt Fischer-Tropsch catalysts", "cotio", "CoTiO2"),
        ),
        (
            "in syngas at 20 bar",
            "during methanol synthesis",
            "on reduction",
            "under potential control",
            "after poisoning",
        ),
        ("catalyst", "operando", "active site", "gas cell"),
        "The structure that works is the one under reaction conditions, not the one before or after.",
        ("ML07", "ML19", "ML23", "ML05"),
    ),
    Field(
        "Porous materials",
        (
            Material("ZSM-5 zeolites", "zsm5", "Na2Al2Si94O192"),
            Material("chabazite membranes", "cha", "Ca2Al4Si8O24"),
            Material("UiO-66 frameworks", "uio66", "Zr6C48H28O32"),
            Material("flexible MIL-53 frameworks", "mil53", "AlC8H5O5"),
        ),
        (
            "during uptake of CO₂",
            "on dehydration",
            "under hydrostatic pressure",
            "with xylene isomers",
            "on templating",
        ),
        ("zeolite", "metal-organic framework", "adsorption", "guest molecules"),
        "How guests move the walls of a pore decides what the pore lets through.",
        ("ML07", "ML14", "ML23", "N05"),
    ),
    Field(
        "Biominerals",
        (
            Material("human trabecular bone", "bone", "Ca10P6O26H2", "yellow"),
            Material("mouse femora", "femur", "Ca10P6O26H2", "yellow"),
            Material("abalone nacre", "nacre", "CaCO3"),
            Material("fossil teeth", "tooth", "Ca10P6O24F2"),
            Material("sea urchin spines", "spine", "Ca0.95Mg0.05CO3"),
        ),
        ("under load", "with age", "after treatment with bisphosphonates", "across growth lines", "near implants"),
        ("bone", "hierarchical structure", "mineralisation", "collagen"),
        "Bone and shell are tougher than the mineral they are made of.",
        ("ML05", "ML11", "ML14"),
    ),
    Field(
        "Cultural heritage",
        (
            Material("lead white paint layers", "leadwhite", "Pb3C2H2O8", "yellow"),
            Material("smalt pigments", "smalt", "K2CoSi4O10"),
            Material("iron gall ink on parchment", "ink", "FeC14H6O10"),
            Material("Roman glass tesserae", "tessera", "Na2CaSi5O12"),
            Material("rolled papyri", "papyrus", "C6H10O5"),
        ),
        ("after cleaning", "in oil", "with humidity", "without unrolling", "from three workshops"),
        ("cultural heritage", "pigment", "conservation", "non-destructive"),
        "What an object is made of, and how it fades, can be learned without taking it apart.",
        ("ML05", "ML07", "ML11", "ML19"),
    ),
    Field(
        "Metals and alloys",
        (
            Material("laser-melted Ti-6Al-4V", "ti64", "Ti90Al6V4"),
            Material("dual-phase steels", "dp800", "Fe98Mn2C"),
            Material("aluminium-silicon castings", "alsi", "Al93Si7"),
            Material("nickel superalloy blades", "in718", "Ni52Cr19Fe19Nb5"),
            Material("high-entropy alloys", "hea", "CoCrFeMnNi"),
        ),
        (
            "during solidification",
            "under cyclic load",
            "at 900 K",
            "around friction-stir welds",
            "after hydrogen charging",
        ),
        ("alloy", "residual stress", "additive manufacturing", "fatigue"),
        "Parts fail where stress, pores and grains meet, and only the inside shows it.",
        ("ML11", "ML23", "ML07"),
    ),
    Field(
        "Earth and cement",
        (
            Material("low-carbon cement pastes", "cement", "Ca3SiO5", "yellow"),
            Material("sandstone cores", "sandstone", "SiO2"),
            Material("basalt melts", "basalt", "CaMgSi2O6"),
            Material("permafrost soils", "permafrost", "SiO2H2O"),
        ),
        ("during hydration", "before and after CO₂ injection", "under mantle pressure", "on freezing and thawing"),
        ("geoscience", "cement", "porosity", "carbon storage"),
        "Storing carbon under ground and using less of it in concrete are questions of pores.",
        ("ML11", "ML07", "N05", "ML23"),
    ),
    Field(
        "Soft matter",
        (
            Material("cellulose nanofibrils", "cnf", "C6H10O5"),
            Material("lipid nanoparticles", "lnp", "C44H88NO8P"),
            Material("block copolymer films", "bcp", "C8H8C5H8"),
            Material("casein micelles", "casein", "C81H125N22O39P"),
            Material("spider silk threads", "silk", "C5H7N3O2"),
        ),
        ("in a microchannel", "across the pH range", "during solvent annealing", "on stretching", "on storage"),
        ("soft matter", "self-assembly", "flow", "colloid"),
        "Small changes of flow or salt turn a liquid into a gel and back.",
        ("ML14", "ML05"),
    ),
    Field(
        "Structural biology",
        (
            Material("bacterial hydrolases", "hyd", "C1520H2340N402O468S8"),
            Material("viral main proteases", "mpro", "C1499H2318N402O445S22", "yellow"),
            Material("membrane transporters", "trans", "C2100H3260N520O560S18"),
            Material("nitrogenase variants", "nif", "C4800H7500N1300O1480S64Fe8"),
            Material("antibody fragments", "fab", "C2060H3200N540O660S14"),
            Material("ribosome-bound riboswitches", "ribo", "C950H1080N390O680P100"),
        ),
        (
            "with fragment libraries",
            "at room temperature",
            "in complex with inhibitors",
            "from microcrystals",
            "after mutation",
        ),
        ("protein", "drug discovery", "structure", "ligand"),
        "A structure with its ligand tells chemists which atom to change next.",
        ("ML02", "ML14"),
    ),
    Field(
        "Hydrogen and magnetism",
        (
            Material("magnesium hydride composites", "mgh2", "MgH2", "red"),
            Material("frustrated pyrochlores", "pyro", "Dy2Ti2O7"),
            Material("skutterudite thermoelectrics", "skut", "CoSb3", "yellow"),
            Material("iron spin-crossover complexes", "sco", "FeC30H24N6"),
        ),
        ("on hydrogen release", "below 4 K", "in a field of 7 T", "across the transition", "at 300 to 700 K"),
        ("quantum materials", "hydrogen", "phonons", "phase transition"),
        "Where atoms shake and spins turn, heat, hydrogen and information move.",
        ("N05", "ML07", "ML19", "ML23"),
    ),
)

QUESTIONS = {
    "ML02": ("Crystal structures of", "Ligand binding of", "Conformational changes of", "Serial crystallography of"),
    "ML05": ("Nanoscale elemental maps of", "Ptychographic imaging of", "Chemical gradients in", "Defects in"),
    "ML07": ("Phase evolution of", "Lattice strain in", "Structural transitions of", "Kinetics of disorder in"),
    "ML11": ("Three-dimensional microstructure of", "Pore networks in", "Crack growth in", "Time-lapse volumes of"),
    "ML14": ("Nanoscale ordering in", "Particle sizes in", "Orientation of", "Aggregation of"),
    "ML19": ("Local coordination in", "Oxidation states in", "Fast spectroscopy of", "Charge transfer in"),
    "ML23": ("Internal stress in", "Local order in", "Total scattering of", "Pair distribution functions of"),
    "N05": ("Vibrational density of states of", "Quasi-elastic scattering of", "Diffusion in", "Excitations of"),
}
"""Beginnings of titles, by instrument."""

FUNDERS = (
    ("National Science Programme", "BAT-0417", "Cells that last", "Energy storage"),
    ("National Science Programme", "CAT-0233", "Working catalysts", "Catalysis"),
    ("Continental Research Council", "2021-88101", "Pores at work", "Porous materials"),
    ("Continental Research Council", "2022-90417", "Soft matter in motion", "Soft matter"),
    ("Foundation for Heritage Science", "FHS-19-07", "Colours of the past", "Cultural heritage"),
    ("Health Research Trust", "HRT-3312", "From fragment to medicine", "Structural biology"),
    ("Health Research Trust", "HRT-2984", "Bone in old age", "Biominerals"),
    ("Ministry of Building Materials", "MB-55", "Concrete with less carbon", "Earth and cement"),
    ("Society for Light Metals", "SLM-1207", "Printed parts that hold", "Metals and alloys"),
    ("Solar Research Fund", "SRF-208", "Stable perovskites", "Photovoltaics"),
    ("Hydrogen Alliance", "H2-611", "Solid stores for hydrogen", "Hydrogen and magnetism"),
)
"""Funder, award number, award title, field. All invented."""


def fields_of(instrument: str) -> tuple[Field, ...]:
    """The fields measured at an instrument."""
    return tuple(field for field in FIELDS if instrument in field.instruments)
