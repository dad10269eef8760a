"""A Jupyter-native queue server for Bluesky experiments."""

__version__ = "0.1.0"
