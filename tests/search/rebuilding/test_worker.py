"""A process that makes a share of an index, when its parent dies before it has said what to do."""

from __future__ import annotations

import io

import pytest

from beamcat.search.rebuilding.process import LENGTH
from beamcat.search.rebuilding.worker import _received


@pytest.mark.parametrize("given", [b"", LENGTH.pack(9)[:3], LENGTH.pack(9), LENGTH.pack(9) + b"half"])
def test_half_an_order_is_none(given: bytes) -> None:
    assert _received(io.BytesIO(given)) is None
