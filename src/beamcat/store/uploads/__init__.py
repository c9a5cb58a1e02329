"""Datafiles that come in: whole or not at all, in one request or in many."""
