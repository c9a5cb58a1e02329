"""The engine of large facilities: a cluster of OpenSearch."""

from __future__ import annotations

from beamcat.search.cluster.engine import ClusterSearch

__all__ = ["ClusterSearch"]
