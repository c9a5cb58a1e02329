"""Searches that users keep, and how they are told of what is new: by mail, and by a feed."""
