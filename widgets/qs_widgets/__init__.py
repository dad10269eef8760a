"""Panels for notebooks: the queue, the running plan, the console and the rest, live."""

import logging

# Without a handler Python would write warnings of our threads into whichever cell ran last.
logging.getLogger(__name__).addHandler(logging.NullHandler())
