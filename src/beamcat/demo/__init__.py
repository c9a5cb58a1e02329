"""The example facility: invented, deterministic, and loaded through public calls."""
