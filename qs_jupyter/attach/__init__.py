"""Attaching Jupyter front ends to the running worker kernel."""
