"""Archives that are never built: their layout is computed, and any range of their bytes made when it is asked for."""
