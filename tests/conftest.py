"""What all tests need of the process they run in."""

from __future__ import annotations

import signal

# A test run that was started in the background of a shell ignores Ctrl-C, and so would every
# program it starts; tests that interrupt programs need what a terminal gives them.
signal.signal(signal.SIGINT, signal.default_int_handler)
