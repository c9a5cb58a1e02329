"""Search on the embedded engine."""

from __future__ import annotations

from tests.search.service.contract import SearchContract


class TestEmbedded(SearchContract):
    """The contract."""
