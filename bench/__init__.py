"""What Beamcat costs, measured beside what a user would pick instead, in the same run."""
