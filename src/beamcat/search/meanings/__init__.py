"""What texts mean: a model that tells it, what it has read of the catalogue, and questions by meaning.

Nothing of this room is imported unless `search.meaning.enabled` is set.
"""
