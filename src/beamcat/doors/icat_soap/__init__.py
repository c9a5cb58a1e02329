"""ICAT's SOAP interface (ICAT specification C)."""
