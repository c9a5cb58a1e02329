"""What each instrument of the example facility writes in one run, and what is computed from it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

HC = 12.398419843
"""Planck constant times speed of light, in keV Å."""

EDGES = {6.54: "Mn", 7.11: "Fe", 8.33: "Ni", 8.98: "Cu"}
"""K edges measured, energy in keV."""

Values = dict[str, "float | str | tuple[float, float, float]"]
"""Parameters by name: a number, text, or mean, lowest and highest."""


class Content(Enum):
    """What is in a file: catalogue format, and the range of sizes in bytes that such files have at an instrument."""

    FRAMES = ("HDF5", 18_000_000, 420_000_000)
    MASTER = ("NeXus", 400_000, 20_000_000)
    TOMOGRAPHY = ("NeXus", 2_000_000, 30_000_000)
    ABSORPTION = ("NeXus", 80_000, 2_400_000)
    SCATTERING = ("NeXus", 4_000_000, 36_000_000)
    PATTERNS = ("NeXus", 600_000, 90_000_000)
    CHOPPER = ("NeXus", 350_000, 8_000_000)
    VOLUME = ("HDF5", 60_000_000, 900_000_000)
    TABLE = ("CSV", 2_000, 2_300_000)
    PROFILE = ("profile", 9_000, 300_000)
    LOG = ("log", 700, 60_000)
    PICTURE = ("PNG", 20_000, 900_000)
    NOTE = ("text", 300, 6_000)

    @property
    def format(self) -> str:
        """Name of the datafile format."""
        return self.value[0]

    @property
    def sizes(self) -> tuple[int, int]:
        """Smallest and largest usual size, in bytes."""
        return self.value[1], self.value[2]


@dataclass(frozen=True, slots=True)
class Planned:
    """A file of a run, before it has a time and a size."""

    name: str
    content: Content


Lister = Callable[[str, Random], list[Planned]]
"""From the name of a dataset and a generator to its files, the one to open first in front."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an instrument works: runs in a visit, share of them that is processed, and the files of each."""

    runs: tuple[int, int]
    processed: float
    suffix: str
    program: str
    raw: Lister
    result: Lister


def raw_values(instrument: str, energy: float | None, field: str, draw: Random) -> Values:
    """Parameters of a raw dataset of a field of science; `energy` in keV where the beam is of photons."""
    values: Values = {} if energy is None else _beam(energy, draw)
    values |= _OWN_VALUES[instrument](draw)
    if field != "Energy storage":
        values.pop("cell_voltage", None)
    if energy in EDGES and instrument == "ML19":
        values |= {"absorption_edge": "K", "absorbing_element": EDGES[energy]}
    return values


def result_values(instrument: str, energy: float | None, draw: Random) -> Values:
    """Parameters that processing adds."""
    match instrument:
        case "ML02":
            return {
                "resolution": round(draw.uniform(1.1, 3.4), 2),
                "completeness": round(draw.uniform(88, 99.9), 1),
                "space_group": draw.choice(("P 21 21 21", "C 1 2 1", "P 43 21 2", "P 61 2 2", "I 2 2 2")),
            }
        case "ML05":
            return {"pixel_size": round(draw.uniform(6, 28), 1)}
        case "ML07" | "ML23":
            return {"r_wp": round(draw.uniform(2.4, 11), 1)}
        case "ML11":
            return {"voxel_size": draw.choice((0.325, 0.65, 1.6, 3.25))}
        case "ML14":
            return {"radius_of_gyration": round(draw.uniform(1.4, 24), 2)}
        case "ML19" if energy is not None:
            return {"edge_position": round(1000 * energy + draw.uniform(-1, 6), 1)}
        case _:
            return {"q_max": round(draw.uniform(1.8, 4.5), 2)}


def _beam(energy: float, draw: Random) -> Values:
    return {
        "energy": energy,
        "wavelength": round(HC / energy, 4),
        "flux": float(f"{draw.uniform(0.4, 9):.1f}e12"),
        "beam_size_horizontal": float(draw.choice((5, 20, 50, 120, 300))),
        "beam_size_vertical": float(draw.choice((5, 10, 40, 80))),
    }


def _frames(count: int, exposure: float, detector: str) -> Values:
    return {"frame_count": float(count), "exposure_time": exposure, "detector": detector}


def _ml02(draw: Random) -> Values:
    turn = draw.choice((180.0, 360.0))
    return _frames(int(turn * 10), 0.005, "EX16M") | {
        "rotation_range": turn,
        "detector_distance": round(draw.uniform(120, 420), 1),
        "temperature": draw.choice((100.0, 100.0, 293.0)),
    }


def _ml05(draw: Random) -> Values:
    return _frames(draw.randrange(1600, 10000, 400), 0.02, "EX1M") | {
        "step_size": float(draw.choice((50, 100, 250, 500))),
        "detector_distance": round(draw.uniform(2100, 5200), 0),
    }


def _ml07(draw: Random) -> Values:
    low = draw.choice((298.0, 298.0, 100.0, 473.0))
    high = low + draw.choice((0.0, 16.0, 350.0))
    voltage = round(draw.uniform(3.0, 3.3), 2)
    return _frames(draw.choice((240, 640, 920, 1840)), 4.0, "PX2M") | {
        "temperature": ((low + high) / 2, low, high),
        "pressure": draw.choice((1.0, 1.0, 20.0, 4000.0)),
        "cell_voltage": (round((voltage + 4.3) / 2, 2), voltage, 4.3),
        "detector_distance": 812.0,
    }


def _ml11(draw: Random) -> Values:
    count = draw.choice((900, 1800, 3600))
    return _frames(count, draw.choice((0.002, 0.05, 0.2)), "CMOS-5.5M") | {
        "rotation_range": 180.0,
        "voxel_size": draw.choice((0.325, 0.65, 1.6, 3.25)),
        "detector_distance": float(draw.choice((20, 60, 250))),
    }


def _ml14(draw: Random) -> Values:
    return _frames(draw.choice((10, 20, 240)), draw.choice((0.1, 0.5, 1.0)), "EX4M") | {
        "q_min": 0.004,
        "q_max": draw.choice((0.35, 0.5, 3.2)),
        "temperature": round(draw.uniform(283, 333), 1),
        "detector_distance": draw.choice((2850.0, 6000.0)),
    }


def _ml19(draw: Random) -> Values:
    return _frames(draw.choice((420, 680)), draw.choice((0.5, 1.0)), "SDD-7") | {
        "temperature": draw.choice((20.0, 295.0, 573.0)),
    }


def _ml23(draw: Random) -> Values:
    return _frames(draw.choice((60, 120, 480)), 0.1, "CdTe-2M") | {
        "q_max": round(draw.uniform(18, 32), 1),
        "temperature": draw.choice((295.0, 773.0, 1173.0)),
        "detector_distance": draw.choice((300.0, 1400.0)),
    }


def _n05(draw: Random) -> Values:
    return {
        "incident_energy": draw.choice((3.3, 15.0, 45.0, 120.0)),
        "chopper_frequency": float(draw.choice((150, 250, 400))),
        "proton_charge": round(draw.uniform(120, 900), 1),
        "temperature": draw.choice((4.0, 100.0, 200.0, 300.0)),
    }


_OWN_VALUES: dict[str, Callable[[Random], Values]] = {
    "ML02": _ml02,
    "ML05": _ml05,
    "ML07": _ml07,
    "ML11": _ml11,
    "ML14": _ml14,
    "ML19": _ml19,
    "ML23": _ml23,
    "N05": _n05,
}


def _series(pattern: str, count: int, content: Content) -> list[Planned]:
    return [Planned(pattern.format(number), content) for number in range(1, count + 1)]


def _mx_raw(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}_master.h5", Content.MASTER),
        *_series(name + "_data_{:06d}.h5", draw.randint(5, 10), Content.FRAMES),
        Planned("crystal_0deg.png", Content.PICTURE),
        Planned("crystal_90deg.png", Content.PICTURE),
        Planned("collect.log", Content.LOG),
    ]


def _mx_result(name: str, draw: Random) -> list[Planned]:
    names = ("unmerged.hkl", "merged.hkl") if draw.random() < 0.5 else ("merged.hkl",)
    return [
        *(Planned(n, Content.PROFILE) for n in names),
        Planned("statistics.csv", Content.TABLE),
        Planned("wilson.png", Content.PICTURE),
        Planned("process.log", Content.LOG),
    ]


def _nano_raw(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}.nxs", Content.MASTER),
        *_series("ptycho_{:04d}.h5", draw.randint(6, 14), Content.FRAMES),
        Planned("fluorescence.h5", Content.FRAMES),
        Planned("scan.log", Content.LOG),
    ]


def _nano_result(name: str, draw: Random) -> list[Planned]:
    elements = draw.sample(("Ca", "Mn", "Fe", "Ni", "Cu", "Zn"), 3)
    return [
        Planned(f"{name}.nxs", Content.PATTERNS),
        Planned("phase.png", Content.PICTURE),
        *(Planned(f"map_{element}.png", Content.PICTURE) for element in elements),
        Planned("reconstruction.log", Content.LOG),
    ]


def _powder_raw(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}_master.h5", Content.MASTER),
        *_series("frames_{:04d}.h5", draw.randint(8, 24), Content.FRAMES),
        Planned("cell.csv", Content.TABLE),
        Planned("notes.txt", Content.NOTE),
    ]


def _powder_result(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}_patterns.nxs", Content.PATTERNS),
        *_series("pattern_{:04d}.xye", draw.randint(4, 10), Content.PROFILE),
        Planned("lattice.csv", Content.TABLE),
        Planned("refinement.png", Content.PICTURE),
        Planned("integration.log", Content.LOG),
    ]


def _tomo_raw(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}.nxs", Content.TOMOGRAPHY),
        *_series("projections_{:04d}.h5", draw.randint(12, 30), Content.FRAMES),
        Planned("rotation.csv", Content.TABLE),
        Planned("scan.log", Content.LOG),
    ]


def _tomo_result(name: str, draw: Random) -> list[Planned]:
    return [
        *_series(name + "_slab_{:02d}.h5", draw.randint(8, 20), Content.VOLUME),
        Planned("slice_middle.png", Content.PICTURE),
        Planned("reconstruction.log", Content.LOG),
    ]


def _sas_raw(name: str, draw: Random) -> list[Planned]:
    return [
        *_series(name + "_{:04d}.nxs", draw.randint(8, 20), Content.SCATTERING),
        Planned("buffer_0001.nxs", Content.SCATTERING),
        Planned("flow.csv", Content.TABLE),
    ]


def _sas_result(name: str, draw: Random) -> list[Planned]:
    return [
        Planned("average.dat", Content.PROFILE),
        *_series("frame_{:04d}.dat", draw.randint(8, 16), Content.PROFILE),
        Planned("guinier.png", Content.PICTURE),
        Planned("summary.csv", Content.TABLE),
    ]


def _xas_raw(name: str, draw: Random) -> list[Planned]:
    return [
        *_series(name + "_{:03d}.nxs", draw.randint(8, 24), Content.ABSORPTION),
        Planned("scan.log", Content.LOG),
    ]


def _xas_result(name: str, draw: Random) -> list[Planned]:
    fits = draw.randint(1, 3)
    return [
        Planned("merged.csv", Content.TABLE),
        *_series("fit_shell_{:d}.csv", fits, Content.TABLE),
        Planned("spectra.png", Content.PICTURE),
        Planned("merge.log", Content.LOG),
    ]


def _neutron_raw(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}.nxs", Content.CHOPPER),
        Planned("sample_environment.csv", Content.TABLE),
        Planned("run.log", Content.LOG),
    ]


def _neutron_result(name: str, draw: Random) -> list[Planned]:
    return [
        Planned(f"{name}_sqw.nxs", Content.PATTERNS),
        *_series("cut_{:02d}.dat", draw.randint(2, 6), Content.PROFILE),
        Planned("sqw.png", Content.PICTURE),
        Planned("reduction.log", Content.LOG),
    ]


RECIPES = {
    "ML02": Recipe((6, 10), 0.9, "autoproc", "auto-processing", _mx_raw, _mx_result),
    "ML05": Recipe((5, 8), 0.7, "recon", "ptycho-engine", _nano_raw, _nano_result),
    "ML07": Recipe((6, 10), 0.7, "int", "pattern-integration", _powder_raw, _powder_result),
    "ML11": Recipe((5, 8), 0.8, "recon", "tomo-reconstruct", _tomo_raw, _tomo_result),
    "ML14": Recipe((7, 11), 0.6, "sub", "solution-scattering", _sas_raw, _sas_result),
    "ML19": Recipe((7, 11), 0.5, "merged", "xas-merge", _xas_raw, _xas_result),
    "ML23": Recipe((5, 9), 0.7, "int", "pattern-integration", _powder_raw, _powder_result),
    "N05": Recipe((9, 14), 0.7, "reduced", "tof-reduction", _neutron_raw, _neutron_result),
}
"""By instrument."""

TAGS = {
    "Energy storage": ("charge1C", "charge3C", "rest"),
    "Photovoltaics": ("dark", "light", "anneal"),
    "Catalysis": ("reduce", "react", "cool"),
    "Porous materials": ("dry", "load", "release"),
    "Biominerals": ("overview", "detail", "load"),
    "Cultural heritage": ("front", "cross", "detail"),
    "Metals and alloys": ("asbuilt", "load", "anneal"),
    "Earth and cement": ("start", "step", "end"),
    "Soft matter": ("flow", "still", "stretch"),
    "Structural biology": ("x1", "x2", "x3"),
    "Hydrogen and magnetism": ("cold", "ramp", "warm"),
}
"""Middle parts of dataset names, by field."""
