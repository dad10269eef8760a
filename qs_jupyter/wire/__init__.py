"""Sockets and encodings."""
