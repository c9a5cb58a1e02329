"""Places where the bytes of datafiles lie, and what each of them promises."""
