"""Delivery accounting: which bytes of which download have reached whom (data service specification, E.4)."""
