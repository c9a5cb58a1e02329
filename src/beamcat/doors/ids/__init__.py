"""ICAT's data service interface (data service specification, A)."""
