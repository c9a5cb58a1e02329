"""The tests; each folder holds those of one room, or of one way of using Beamcat."""
