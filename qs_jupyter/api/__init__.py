"""The control API: one declared table of methods, and the methods by subject."""
