"""One module per step, named after its revision, with its SQL beside it."""
