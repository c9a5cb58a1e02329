"""The bytes of datafiles: where they lie, how they leave, how they come in."""
