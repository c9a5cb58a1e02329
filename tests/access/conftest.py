"""A clock to turn, and the tables counted."""

from __future__ import annotations

import pytest

from .clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
