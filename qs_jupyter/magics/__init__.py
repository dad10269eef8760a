"""Jupyter magics over the client library."""
