"""What is kept of the output of a manager that the demo has started."""

from __future__ import annotations

import asyncio
from collections import deque

from qs_jupyter.cli.private_manager import LONGEST_LINE, keep_lines


async def test_a_line_of_any_length_is_no_end_of_the_output() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"first\n" + b"x" * 5 * LONGEST_LINE + b"the end\r\nlast")
    stream.feed_eof()
    lines: deque[str] = deque(maxlen=3)
    await keep_lines(stream, lines)
    assert (lines[0], lines[2]) == ("first", "last")
    assert lines[1].endswith("xthe end")
    assert len(lines[1]) <= 2 * LONGEST_LINE
