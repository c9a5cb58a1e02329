"""Seeing inside a running server: requests, logs, metrics, traces, slow queries. Used from `database` upwards."""
