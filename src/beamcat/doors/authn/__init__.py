"""ICAT's authenticator protocol: another server signs its users in with Beamcat's authenticators."""
