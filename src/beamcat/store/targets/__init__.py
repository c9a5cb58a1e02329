"""Targets: places to which requested data are brought, instead of being fetched from the data service."""
