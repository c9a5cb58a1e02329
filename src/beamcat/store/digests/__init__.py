"""Digests of the bytes of datafiles: computed in one pass, kept as long as the bytes stay the same, checked."""
