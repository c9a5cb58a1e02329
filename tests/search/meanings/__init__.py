"""Search by meaning: models, what they read, and who is told of it."""
