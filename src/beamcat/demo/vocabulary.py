"""The facility itself and the words it defines: instruments, cycles, types, formats, parameters, techniques.

Meridian Light Source is invented. PaNET terms are those of the PaNET ontology (ExPaNDS, doi:10.5281/zenodo.4806026).
DOIs use 10.5072, the prefix DataCite keeps for tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from beamcat.demo.objects import Record, instant

FACILITY = "MLS"
DAYS_UNTIL_RELEASE = 3 * 365
DOI_PREFIX = "10.5072/mls"
LOADER = ("beamcat-demo", "1")
"""The application that a finished load leaves its job with."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A run of the facility; both days belong to it."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class InstrumentPlan:
    """An instrument: how it is described, how many of the investigations it gets, and its energies in keV."""

    name: str
    full_name: str
    kind: str
    description: str
    techniques: tuple[str, ...]
    investigations: int
    energies: tuple[float, ...]
    prefix: str = "MX"


CYCLES = (
    Cycle("2021-2", date(2021, 9, 6), date(2021, 12, 17)),
    Cycle("2022-2", date(2022, 9, 5), date(2022, 12, 16)),
    Cycle("2023-1", date(2023, 2, 6), date(2023, 6, 30)),
    Cycle("2024-2", date(2024, 9, 2), date(2024, 12, 13)),
    Cycle("2025-2", date(2025, 9, 1), date(2025, 12, 19)),
    Cycle("2026-1", date(2026, 2, 9), date(2026, 7, 3)),
)

INSTRUMENTS = (
    InstrumentPlan(
        "ML02",
        "ML02 Macromolecular Crystallography",
        "MX",
        "Undulator beamline with a sample changer for 368 pins; collection runs unattended after the first crystal.",
        ("macromolecular crystallography", "serial synchrotron crystallography"),
        28,
        (12.4, 12.7, 13.5),
        "BIO",
    ),
    InstrumentPlan(
        "ML05",
        "ML05 Nanoprobe",
        "Nano-imaging",
        "Coherent beam of 60 nm for ptychography and fluorescence maps of cells, batteries and catalysts.",
        ("ptychography", "fluorescence microscopy"),
        18,
        (6.2, 8.0, 9.7),
    ),
    InstrumentPlan(
        "ML07",
        "ML07 Powder",
        "Powder diffraction",
        "High-resolution and fast powder diffraction, with cells for batteries, gases and temperatures of 4 to 1300 K.",
        ("x-ray powder diffraction", "in-situ diffraction"),
        40,
        (15.0, 20.0, 28.0),
    ),
    InstrumentPlan(
        "ML11",
        "ML11 Tomography",
        "Tomography",
        "Microtomography and laminography with voxels of 0.3 to 6 µm; a full turn takes from one second to one hour.",
        ("x-ray microtomography", "propagation phase contrast tomography"),
        34,
        (18.0, 24.0, 28.0, 53.0),
    ),
    InstrumentPlan(
        "ML14",
        "ML14 SAXS and WAXS",
        "Small-angle scattering",
        "Small- and wide-angle scattering of solutions, fibres and films, with flow cells and a tensile stage.",
        ("small angle x-ray scattering", "wide angle x-ray scattering"),
        32,
        (8.0, 12.4),
    ),
    InstrumentPlan(
        "ML19",
        "ML19 X-ray Absorption",
        "X-ray absorption",
        "Absorption spectra from 2.1 to 28 keV, in step scans, in fast scans of one second, and after laser pulses.",
        ("x-ray absorption near edge structure", "extended x-ray absorption fine structure"),
        24,
        (6.54, 7.11, 8.33, 8.98),
    ),
    InstrumentPlan(
        "ML23",
        "ML23 High-Energy Scattering",
        "Diffraction and total scattering",
        "Wiggler beamline for stress in engineering parts and local order in glasses and nanoparticles.",
        ("total scattering", "x-ray diffraction"),
        14,
        (60.0, 76.0, 100.0),
    ),
    InstrumentPlan(
        "N05",
        "N05 Chopper Spectrometer",
        "Neutron spectroscopy",
        "Time-of-flight spectrometer of the small neutron hall next to the ring; incident energies of 2 to 150 meV.",
        ("neutron time of flight technique", "quasielastic scattering"),
        10,
        (),
        "N",
    ),
)

TECHNIQUES = {
    "macromolecular crystallography": ("PaNET01164", "Atomic structures of proteins and nucleic acids from crystals"),
    "serial synchrotron crystallography": ("PaNET01169", "Many small crystals, one shot each"),
    "ptychography": ("PaNET01212", "Images computed from overlapping coherent diffraction patterns"),
    "fluorescence microscopy": ("PaNET01113", "Maps of elements from the fluorescence of a focused beam"),
    "x-ray powder diffraction": ("PaNET01101", "Diffraction of polycrystalline samples"),
    "in-situ diffraction": ("PaNET01157", "Diffraction while the sample is heated, charged or reacting"),
    "x-ray microtomography": ("PaNET01208", "Volumes with micrometre voxels from many projections"),
    "propagation phase contrast tomography": ("PaNET01152", "Tomography with edge enhancement by free propagation"),
    "small angle x-ray scattering": ("PaNET01188", "Shapes and distances from 1 to 300 nm"),
    "wide angle x-ray scattering": ("PaNET01191", "Order at atomic distances"),
    "x-ray absorption near edge structure": ("PaNET01199", "Oxidation state and symmetry of an element"),
    "extended x-ray absorption fine structure": ("PaNET01198", "Distances and neighbours around an element"),
    "total scattering": ("PaNET01190", "Local order from Bragg and diffuse scattering together"),
    "x-ray diffraction": ("PaNET01216", "Diffraction with X-rays"),
    "neutron time of flight technique": ("PaNET01001", "Neutron energies from their times of flight"),
    "quasielastic scattering": ("PaNET01035", "Diffusion and rotation of atoms and molecules"),
}
"""Name to PaNET term and a short description."""

PANET = "http://purl.org/pan-science/PaNET/"

INVESTIGATION_TYPES = {
    "experiment": "Beam time granted by peer review",
    "in-house": "Research of the facility's own staff",
    "industrial": "Beam time paid by a company",
    "commissioning": "Tests of the instrument",
}
DATASET_TYPES = {
    "raw": "As recorded",
    "processed": "Computed from raw data",
    "calibration": "Standards, empty cells, dark and flat fields",
}
DATA_PUBLICATION_TYPES = {
    "Investigation": "All data of one visit",
    "Dataset": "A selection made by its authors",
}

FORMATS = {
    "NeXus": ("1.0", "application/x-hdf5", "NeXus in HDF5"),
    "HDF5": ("2", "application/x-hdf5", "HDF5 without NeXus classes, or frames that a NeXus file links to"),
    "CSV": ("1", "text/csv", "Comma-separated table with one header line"),
    "profile": ("1", "text/plain", "Columns of numbers, header lines start with #"),
    "log": ("1", "text/plain", "What the programs said"),
    "PNG": ("1", "image/png", "Picture"),
    "text": ("1", "text/plain", "Notes in UTF-8"),
}
"""Name to version, media type and description."""

APPLICATIONS = (
    ("pattern-integration", "2.3"),
    ("auto-processing", "4.1"),
    ("tomo-reconstruct", "1.8"),
    ("ptycho-engine", "0.9"),
    ("xas-merge", "3.0"),
    ("solution-scattering", "2.0"),
    ("tof-reduction", "5.2"),
    LOADER,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parameter type: where it applies (letters of "I S D F C": investigation, sample, dataset, file, collection)."""

    name: str
    units: str
    units_full_name: str
    applies: str
    description: str
    kind: str = "NUMERIC"
    limits: tuple[float, float] | None = None
    permitted: tuple[str, ...] = ()


QUANTITIES = (
    Quantity("energy", "keV", "kiloelectronvolt", "D", "Photon energy", limits=(0.05, 200.0)),
    Quantity("wavelength", "Å", "ångström", "D", "Wavelength of the incident beam"),
    Quantity("incident_energy", "meV", "millielectronvolt", "D", "Energy of the incident neutrons"),
    Quantity("chopper_frequency", "Hz", "hertz", "D", "Rotation of the Fermi chopper"),
    Quantity("proton_charge", "µA h", "microampere hour", "D", "Charge collected during the run"),
    Quantity("exposure_time", "s", "second", "DF", "Exposure of one frame or point"),
    Quantity("frame_count", "1", "number", "D", "Frames, projections or points"),
    Quantity("flux", "ph/s", "photons per second", "D", "Flux at the sample"),
    Quantity("beam_size_horizontal", "µm", "micrometre", "D", "Full width at half maximum"),
    Quantity("beam_size_vertical", "µm", "micrometre", "D", "Full width at half maximum"),
    Quantity("detector_distance", "mm", "millimetre", "D", "From the sample to the detector"),
    Quantity("detector", "N/A", "no unit", "D", "Detector in use", kind="STRING"),
    Quantity("temperature", "K", "kelvin", "DSF", "Temperature of the sample", limits=(0.0, 5000.0)),
    Quantity("pressure", "bar", "bar", "DS", "Pressure at the sample"),
    Quantity("rotation_range", "deg", "degree", "D", "Angle the sample turned through"),
    Quantity("voxel_size", "µm", "micrometre", "D", "Edge of a voxel"),
    Quantity("pixel_size", "nm", "nanometre", "D", "Pixel of the reconstructed image"),
    Quantity("step_size", "nm", "nanometre", "D", "Distance of neighbouring points of a scan"),
    Quantity("q_min", "1/Å", "per ångström", "D", "Smallest momentum transfer"),
    Quantity("q_max", "1/Å", "per ångström", "D", "Largest momentum transfer"),
    Quantity("radius_of_gyration", "nm", "nanometre", "D", "From the Guinier region"),
    Quantity("resolution", "Å", "ångström", "D", "Resolution limit of the reflections"),
    Quantity("completeness", "%", "percent", "D", "Share of the unique reflections", limits=(0.0, 100.0)),
    Quantity("space_group", "N/A", "no unit", "DS", "Hermann-Mauguin symbol", kind="STRING"),
    Quantity("r_wp", "%", "percent", "D", "Weighted profile R factor of the refinement"),
    Quantity(
        "absorption_edge", "N/A", "no unit", "D", "Edge measured", kind="STRING", permitted=("K", "L1", "L2", "L3")
    ),
    Quantity("absorbing_element", "N/A", "no unit", "D", "Symbol of the element", kind="STRING"),
    Quantity("edge_position", "eV", "electronvolt", "D", "Energy of the inflection point"),
    Quantity("cell_voltage", "V", "volt", "DF", "Voltage of the electrochemical cell"),
    Quantity("mass", "mg", "milligram", "S", "Mass of the sample"),
    Quantity("thickness", "µm", "micrometre", "S", "Thickness along the beam"),
    Quantity("concentration", "mg/ml", "milligram per millilitre", "S", "Concentration of the solution"),
    Quantity("ph", "1", "number", "S", "pH of the solution", limits=(-2.0, 16.0)),
    Quantity("prepared", "N/A", "no unit", "S", "When the sample was made", kind="DATE_AND_TIME"),
    Quantity(
        "safety",
        "N/A",
        "no unit",
        "S",
        "Class given by the safety group",
        kind="STRING",
        permitted=("green", "yellow", "red"),
    ),
    Quantity("shifts_requested", "1", "number", "I", "Shifts of eight hours asked for in the proposal"),
    Quantity("shifts_granted", "1", "number", "I", "Shifts of eight hours granted"),
    Quantity("discipline", "N/A", "no unit", "I", "Field of science", kind="STRING"),
    Quantity("report_received", "N/A", "no unit", "I", "When the report came in", kind="DATE_AND_TIME"),
    Quantity("software", "N/A", "no unit", "DC", "Program and version that made the data", kind="STRING"),
    Quantity("licence", "N/A", "no unit", "C", "Licence of published data", kind="STRING"),
    Quantity("frame_number", "1", "number", "F", "Number of the first frame in the file"),
)

UNITS = {quantity.name: quantity.units for quantity in QUANTITIES}


def facility_record(sample_types: list[Record]) -> Record:
    """The facility with everything that belongs to it and refers to nothing else."""
    return {
        "name": FACILITY,
        "fullName": "Meridian Light Source",
        "description": "An invented photon source with a small neutron hall; it exists to show what a catalogue does.",
        "url": "https://data.meridian.example/",
        "daysUntilRelease": DAYS_UNTIL_RELEASE,
        "instruments": [_instrument(plan) for plan in INSTRUMENTS],
        "facilityCycles": [_cycle(cycle) for cycle in CYCLES],
        "investigationTypes": [{"name": name, "description": text} for name, text in INVESTIGATION_TYPES.items()],
        "datasetTypes": [{"name": name, "description": text} for name, text in DATASET_TYPES.items()],
        "dataPublicationTypes": [{"name": n, "description": text} for n, text in DATA_PUBLICATION_TYPES.items()],
        "datafileFormats": [
            {"name": name, "version": version, "type": media_type, "description": text}
            for name, (version, media_type, text) in FORMATS.items()
        ],
        "parameterTypes": [_parameter_type(quantity) for quantity in QUANTITIES],
        "sampleTypes": sample_types,
        "applications": [{"name": name, "version": version} for name, version in APPLICATIONS],
    }


def technique_records() -> list[Record]:
    """The techniques, with their PaNET terms."""
    return [{"name": n, "pid": PANET + term, "description": text} for n, (term, text) in TECHNIQUES.items()]


def start_of(day: date) -> datetime:
    """Midnight UTC at which `day` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _instrument(plan: InstrumentPlan) -> Record:
    return {
        "name": plan.name,
        "fullName": plan.full_name,
        "type": plan.kind,
        "description": plan.description,
        "pid": f"doi:10.5072/inst.{plan.name.lower()}",
        "url": f"https://www.meridian.example/instruments/{plan.name.lower()}",
        "startDate": "2014-03-03T00:00:00.000Z",
    }


def _cycle(cycle: Cycle) -> Record:
    return {
        "name": cycle.name,
        "description": f"Run {cycle.name}",
        "startDate": instant(start_of(cycle.first)),
        "endDate": instant(start_of(cycle.last) + timedelta(days=1, milliseconds=-1)),
    }


def _parameter_type(quantity: Quantity) -> Record:
    record: Record = {
        "name": quantity.name,
        "units": quantity.units,
        "unitsFullName": quantity.units_full_name,
        "description": quantity.description,
        "valueType": quantity.kind,
        "applicableToInvestigation": "I" in quantity.applies,
        "applicableToSample": "S" in quantity.applies,
        "applicableToDataset": "D" in quantity.applies,
        "applicableToDatafile": "F" in quantity.applies,
        "applicableToDataCollection": "C" in quantity.applies,
        "enforced": quantity.limits is not None or bool(quantity.permitted),
        "verified": True,
    }
    if quantity.limits is not None:
        record["minimumNumericValue"], record["maximumNumericValue"] = quantity.limits
    if quantity.permitted:
        record["permissibleStringValues"] = [{"value": value} for value in quantity.permitted]
    return record
