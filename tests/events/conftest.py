"""A message broker for the tests of notifications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .rabbitmq import RabbitMQ, running_rabbitmq


@pytest.fixture(scope="package")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ of this run's own."""
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running
