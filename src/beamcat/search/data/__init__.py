"""Lists that come with Beamcat, for the words of questions."""
