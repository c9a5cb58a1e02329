"""The text of a user -> what is asked of an index.

`reading.read` says what a text means (`meaning`), `settling.settled` asks small tables and other documents (`lookups`),
and gives the predicate, with notes on what became of each piece of the text.
"""
