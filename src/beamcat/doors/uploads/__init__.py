"""Uploads in as many requests as they take, by the tus protocol 1.0.0."""
