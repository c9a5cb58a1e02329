"""The one logic behind every protocol."""
