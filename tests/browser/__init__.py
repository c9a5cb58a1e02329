"""The portal in a real browser, on the example facility.

All tests here run in one process, one after the other: they share the facility, which is read for the most part. What
a test changes it makes for itself, or puts back.
"""
