"""Panels for notebooks: the queue, the running plan, the console and the rest, live."""
