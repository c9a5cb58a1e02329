"""Pictures of data: small, in calm colours, drawn with numpy and Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from beamcat.store.viewing.opened import NotShown
from beamcat.store.viewing.plots import SIDE, Plot, thinned

Array = NDArray[Any]

THUMBNAIL = (320, 240)
MOST_PIXELS = 120_000_000
"""Pixels of a picture that is read."""
GROUND, CURVE, GRID = (27, 16, 53), (245, 154, 60), (58, 42, 84)
STOPS = ((0.0, 18, 8, 32), (0.35, 74, 23, 64), (0.6, 200, 81, 63), (0.82, 245, 154, 60), (1.0, 255, 243, 196))
"""From dark to bright, evenly in lightness."""
LOWEST, HIGHEST = 0.5, 99.8
"""Percentiles between which the colours lie."""


def colours() -> Array:
    """256 colours, `(256, 3), uint8`."""
    stops = np.array(STOPS)
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(at, stops[:, 0], stops[:, channel]) for channel in (1, 2, 3)], axis=1).astype(np.uint8)


def coloured(signal: Array, side: int = SIDE) -> tuple[Image.Image, dict[str, Any]]:
    """A map of values as a picture, and the range of its colours."""
    reduced = _reduced(signal, side)
    finite = reduced[np.isfinite(reduced)]
    if not finite.size:
        raise NotShown("none of its values is a number")
    low, high = (float(each) for each in np.percentile(finite, [LOWEST, HIGHEST]))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    positive = finite[finite > 0]
    is_log = bool(finite.min() >= 0 and positive.size and high > 200 * max(float(np.median(finite)), 1e-300))
    if is_log:
        low = float(positive.min())
        scaled = (np.log10(np.maximum(reduced, low)) - np.log10(low)) / max(np.log10(high) - np.log10(low), 1e-12)
    else:
        scaled = (reduced - low) / (high - low or 1)
    number = np.clip(np.nan_to_num(scaled) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(colours()[number]), {"low": low, "high": high, "log": is_log}


def drawn_curve(y: Array, x: Array | None, size: tuple[int, int] = THUMBNAIL) -> Image.Image:
    """A curve as a picture."""
    width, height = size
    picture = Image.new("RGB", (2 * width, 2 * height), GROUND)
    pen = ImageDraw.Draw(picture)
    for part in (1, 2, 3):
        pen.line([(0, part * height // 2), (2 * width, part * height // 2)], fill=GRID, width=2)
    xs, ys = thinned(x, y)
    keep = np.isfinite(xs) & np.isfinite(ys)
    xs, ys = xs[keep], ys[keep]
    if len(ys) < 2:
        raise NotShown("none of its values is a number")
    across = 24 + (xs - xs.min()) / (np.ptp(xs) or 1) * (2 * width - 48)
    down = 2 * height - 32 - (ys - ys.min()) / (np.ptp(ys) or 1) * (2 * height - 64)
    pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=CURVE, width=5, joint="curve")
    return picture.resize(size, Image.Resampling.LANCZOS)


def thumbnail_of(plot: Plot) -> Image.Image:
    """The plot in small."""
    if plot.is_curve:
        return drawn_curve(plot.signal, plot.x.values)
    picture, _ = coloured(plot.signal, max(THUMBNAIL))
    return _fitted(picture, Image.Resampling.NEAREST)


def read_picture(stream: Any) -> Image.Image:
    """A picture in a form that Pillow reads; its first page. Raises `NotShown`."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        picture = Image.open(stream)
        if picture.width * picture.height > MOST_PIXELS:
            raise NotShown("the picture is too large to be shown")
        picture.load()
    except NotShown:
        raise
    except Exception as error:  # Pillow's readers raise whatever they like
        raise NotShown("the picture cannot be read") from error
    return ImageOps.exif_transpose(picture) if picture.mode in {"RGB", "L", "RGBA"} else picture


def shown(picture: Image.Image, side: int) -> Image.Image:
    """The picture as a browser can show it, at most so many pixels wide and high."""
    if picture.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return coloured(np.asarray(picture, dtype=np.float64), side)[0]
    if picture.mode not in {"RGB", "L", "RGBA"}:
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    """The bytes of a picture as PNG or WebP."""
    with io.BytesIO() as buffer:
        if form == "WEBP":
            picture.convert("RGB").save(buffer, "WEBP", quality=82, method=4)
        else:
            picture.save(buffer, "PNG", optimize=False, compress_level=6)
        return buffer.getvalue()


def small(picture: Image.Image) -> Image.Image:
    """A picture as a thumbnail."""
    return _fitted(shown(picture, 2 * max(THUMBNAIL)).convert("RGB"), Image.Resampling.LANCZOS)


def _fitted(picture: Image.Image, resampling: Image.Resampling) -> Image.Image:
    """Cut to the form of a thumbnail where it is nearly that, else on a ground."""
    width, height = THUMBNAIL
    if 0.5 < picture.width / picture.height * height / width < 2:
        return ImageOps.fit(picture, THUMBNAIL, resampling)
    return ImageOps.pad(picture, THUMBNAIL, resampling, color=GROUND)


def _reduced(signal: Array, side: int) -> Array:
    """Means of blocks, so that no side is longer than that; what is no number does not count."""
    rows, columns = signal.shape
    step_y, step_x = max(1, -(-rows // side)), max(1, -(-columns // side))
    if step_y == step_x == 1:
        return signal
    cut = signal[: rows // step_y * step_y, : columns // step_x * step_x]
    blocks = cut.reshape(rows // step_y, step_y, columns // step_x, step_x)
    finite = np.isfinite(blocks)
    total = np.where(finite, blocks, 0).sum(axis=(1, 3))
    count = finite.sum(axis=(1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = total / count
    return found
