"""A clock to turn, an LDAP server and an OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .clock import Clock
from .directory import Directory, running_directory


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="package")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """slapd with some people and groups in it."""
    with running_directory(tmp_path_factory.mktemp("ldap")) as running:
        yield running
