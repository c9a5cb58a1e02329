"""Numbers that look like measurements: rings, spots, projections, spectra, powder patterns, volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def rings(rng: np.random.Generator, side: int, width: float = 0.012) -> Array:
    """Debye-Scherrer rings around the centre, `(side, side), uint16`; broad ones look like a scattering curve."""
    y, x = np.indices((side, side)) / side - 0.5
    radius = np.hypot(x, y)
    image = 4 * np.exp(-6 * radius)
    for centre in rng.uniform(0.08, 0.65, 7):
        image += rng.uniform(2, 30) * np.exp(-(((radius - centre) / width) ** 2))
    counts: Array = rng.poisson(image).astype(np.uint16)
    return counts


def spots(rng: np.random.Generator, side: int) -> Array:
    """Reflections of a single crystal on a diffuse background, `(side, side), uint16`."""
    y, x = np.indices((side, side))
    image = 3 * np.exp(-np.hypot(x - side / 2, y - side / 2) / (side / 3))
    for column, row in rng.uniform(0, side, (90, 2)):
        left, top = max(0, int(column) - 3), max(0, int(row) - 3)
        patch = np.s_[top : top + 7, left : left + 7]
        image[patch] += rng.exponential(60) * np.exp(-((x[patch] - column) ** 2 + (y[patch] - row) ** 2))
    counts: Array = rng.poisson(image).astype(np.uint16)
    return counts


def projections(rng: np.random.Generator, angles: Array, side: int) -> Array:
    """Radiographs of a few rods in a tube, one for each angle in degrees, `(angles, side, side), uint16`."""
    radii, places, turns = rng.uniform(0.04, 0.12, 6), rng.uniform(0, 0.3, 6), rng.uniform(0, 2 * np.pi, 6)
    columns = np.linspace(-0.5, 0.5, side)
    tube = 2 * np.sqrt(np.clip(0.45**2 - columns**2, 0, None))
    stack = np.empty((len(angles), side, side), np.uint16)
    for number, angle in enumerate(np.radians(angles)):
        thickness = 0.6 * tube
        for radius, place, turn in zip(radii, places, turns, strict=True):
            offset = columns - place * np.cos(angle + turn)
            thickness = thickness + 5 * np.sqrt(np.clip(radius**2 - offset**2, 0, None))
        rows = np.linspace(1.0, 0.85, side)[:, None]
        stack[number] = 64 * np.round(9000 * rows * np.exp(-thickness) / 64) + 90
    return stack


def absorption_spectrum(rng: np.random.Generator, edge_ev: float, points: int) -> tuple[Array, Array, Array]:
    """Energy in eV, counts before the sample, and fluorescence counts, around an edge."""
    energy = np.linspace(edge_ev - 120, edge_ev + 680, points)
    above = np.clip(energy - edge_ev, 0, None)
    wave = np.sqrt(0.2625 * above)
    fine = 0.25 * np.sin(2 * 2.0 * wave + rng.uniform(0, 0.4)) * np.exp(-above / 220) * (above > 0)
    white_line = 0.5 * np.exp(-(((energy - edge_ev - 9) / 6) ** 2))
    absorption = 0.06 + 0.5 + np.arctan((energy - edge_ev) / 2.5) / np.pi + fine + white_line
    intensity = rng.poisson(2_000_000, points).astype(np.float64)
    return energy, intensity, rng.poisson(0.05 * intensity * absorption).astype(np.float64)


def powder_map(rng: np.random.Generator, patterns: int, points: int) -> tuple[Array, Array]:
    """Angle 2θ in degrees, and patterns whose peaks move, `(patterns, points), float32`."""
    angle = np.linspace(2.0, 32.0, points)
    steps = np.linspace(0, 1, patterns)[:, None]
    intensity = 40 * np.exp(-angle / 15) * np.ones_like(steps)
    for centre in rng.uniform(4, 31, 14):
        shift = rng.uniform(-0.3, 0.1) * steps
        intensity = intensity + rng.exponential(300) * np.exp(-(((angle - centre - shift) / 0.09) ** 2))
    return angle, np.round(intensity).astype(np.float32)


def volume(rng: np.random.Generator, depth: int, side: int) -> Array:
    """A slab with pores, `(depth, side, side), uint8`."""
    z, y, x = np.indices((depth, side, side))
    solid = np.where(np.hypot(x - side / 2, y - side / 2) < 0.45 * side, 160, 12)
    for _ in range(16):
        cz, cy, cx = rng.uniform(0, depth), *rng.uniform(0, side, 2)
        solid[(z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(2, 8) ** 2] = 40
    return solid.astype(np.uint8)


def picture(rng: np.random.Generator, side: int) -> Array:
    """Soft discs on a dark ground, `(side, side), uint8`."""
    y, x = np.indices((side, side)) / side
    image = np.full((side, side), 20.0)
    for column, row, radius, bright in rng.uniform((0.1, 0.1, 0.06, 40), (0.9, 0.9, 0.3, 200), (7, 4)):
        image += bright * np.clip(1 - ((x - column) ** 2 + (y - row) ** 2) / radius**2, 0, None)
    grey: Array = np.clip(image, 0, 255).astype(np.uint8)
    return grey
