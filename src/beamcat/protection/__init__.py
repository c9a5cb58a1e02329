"""Protection from robots and floods (data service specification, E.7): who asks, and how much that one may have."""
