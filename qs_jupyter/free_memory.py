"""Memory that is free goes back to the system, when there is time for it.

The allocator of the C library keeps what a reply with a long queue has taken: after one, a
manager would be larger by twice that reply, for good. To keep nothing at all would make the next
such reply take five times as long: new pages cost more than what is written to them.
"""

from __future__ import annotations


def give_back_free_memory() -> None:
    """Let the allocator of this process give back what it does not need."""
    import ctypes  # noqa: PLC0415 - a manager whose queue is short never needs it

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return  # only glibc has it
    trim(0)
