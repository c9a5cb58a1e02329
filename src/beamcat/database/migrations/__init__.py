"""The steps from one schema to the next, run by Alembic.

A step never speaks of the model or of `tables`, which go on changing: its SQL stands beside it, as it was. After a
change of the schema write a step; a test compares what all steps make with what `tables` and `triggers` make.
"""
