"""Notebook panels of the queue server."""
