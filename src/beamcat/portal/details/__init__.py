"""Pages of one thing: an experiment, a dataset, a sample, an instrument, a person, a publication."""
