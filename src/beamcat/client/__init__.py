"""The other side: programs that use a Beamcat server from afar. Nothing here knows how a server is made."""
