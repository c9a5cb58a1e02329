"""Catalogues as text, in ICAT's dump format: written, and read again (ICAT specification G)."""
