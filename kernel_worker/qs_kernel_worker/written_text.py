"""Text that user code has written: kept in order, in bearable amounts, numbered for replay.

Whoever writes 100 MB a second would fill the memory of the worker, of the manager and of every
console, and nobody could read it. So there is an allowance; what goes beyond is left out, and
the text says so. What was sent is kept for a while, until a manager has passed it on: a plan
goes on writing while a manager is being replaced.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qs_kernel_worker.requests import TEXT_SEQ

ALLOWED_AT_ONCE = 8_000_000
ALLOWED_PER_S = 2_000_000.0
# Once text was left out, the next gap should not follow at once.
RESUMED_AT = 100_000

CHUNK = 50_000
LONGEST_ESCAPE = 16

KEPT_CHARACTERS = 2_000_000
KEPT_GAPS = 1_000

# What of a parent header is needed to label text.
LABEL_KEYS = ("session", "qs_source", "qs_uid")


def line_count(text: str) -> int:
    """Return the number of lines, a part of a line being one."""
    return text.count("\n") or 1


class Allowance:
    """How many characters may still be written (``left``); grows with time."""

    def __init__(self) -> None:
        self.left: float = ALLOWED_AT_ONCE
        self._left_before: float = ALLOWED_AT_ONCE  # right after the last refill
        self._since = time.monotonic()
        self._is_used_up = False
        self._saved = 0.0

    def refill(self) -> None:
        """Add what the time since the last refill has brought."""
        now = time.monotonic()
        gained, self._since = (now - self._since) * ALLOWED_PER_S, now
        if not self._is_used_up:
            # What was taken came out of what had been gained until then: a long silence before
            # a flood fills the allowance once and not twice.
            taken = self._left_before - self.left
            self.left = min(ALLOWED_AT_ONCE, self._left_before + gained) - taken
        else:
            self._saved = min(ALLOWED_AT_ONCE, self._saved + gained)
            if self._saved >= RESUMED_AT:
                self.left, self._is_used_up = self._saved, False
        self._left_before = self.left

    def take_rest(self, wanted: int) -> int:
        """Return how many of more characters than were left may be written."""
        if self._is_used_up:
            self.refill()
        allowed = min(wanted, int(self.left))
        self.left -= allowed
        if allowed < wanted:
            self._use_up()
        return allowed

    def _use_up(self) -> None:
        if not self._is_used_up:
            self.left, self._saved, self._is_used_up = 0.0, 0.0, True
            # From now on: what a silence before has brought is in what was used up.
            self._left_before, self._since = 0.0, time.monotonic()


class _Text:
    """Text waiting to be sent: pieces of one stream with one label, then what is left out."""

    __slots__ = ("label", "left_out", "lines_left_out", "name", "pieces")

    def __init__(self, name: str, label: dict[str, Any]) -> None:
        self.name = name
        self.label = label
        self.pieces: list[str] = []
        self.left_out = 0
        self.lines_left_out = 0

    def take_part(self, piece: str, length: int) -> None:
        self.pieces.append(piece[:length])
        rest = piece[length:]
        self.left_out += len(rest)
        self.lines_left_out += rest.count("\n")

    def whole(self) -> str:
        text = "".join(self.pieces)
        if self.left_out:
            begin = "" if not text or text.endswith("\n") else "\n"
            text += (
                f"{begin}… {self.lines_left_out} lines ({self.left_out / 1e6:.1f} MB) of output "
                f"are left out: more than {ALLOWED_PER_S / 1e6:g} MB per second …\n"
            )
        # A lone surrogate (bytes of an odd file name) fits into no message.
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class SharedBuffer:
    """Text of all streams in the order in which it was written. Any thread may use it."""

    def __init__(self) -> None:
        self.kept = KeptText()
        self.reset()
        self._is_child = False
        os.register_at_fork(after_in_child=self._become_child)

    def reset(self) -> None:
        """Forget everything."""
        # A signal handler may print while its thread is in here, hence the reentrant locks.
        self._lock = threading.RLock()
        self._sending = threading.RLock()
        self._texts: list[_Text] = []
        self._allowance = Allowance()

    def _become_child(self) -> None:
        """Be the buffer of a forked child, which must not send what its parent will send."""
        self.reset()
        self._is_child = True

    def add(self, name: str, label: dict[str, Any], piece: str) -> None:
        """Add a piece at the end, as far as the allowance goes."""
        with self._lock:
            texts = self._texts
            last = texts[-1] if texts else None
            if last is None or last.name != name or last.label is not label:
                last = _Text(name, label)
                texts.append(last)
            length, allowance = len(piece), self._allowance
            if length <= allowance.left and not last.left_out:
                allowance.left -= length
                last.pieces.append(piece)
                return
            allowed = 0 if last.left_out else allowance.take_rest(length)
            last.take_part(piece, allowed)

    def send(self, session: Any, pub_thread: Any) -> None:
        """Hand all text to the thread of iopub; what is sent afterwards comes after it."""
        with self._sending:
            with self._lock:
                texts, self._texts = self._texts, []
                self._allowance.refill()
            for text in texts:
                for chunk in chunks(text.whole()):
                    self._send(session, pub_thread, text, chunk)

    def _send(self, session: Any, pub_thread: Any, text: _Text, chunk: str) -> None:
        session.pid = os.getpid()  # forked children send through us, as in the stock stream
        # Numbers of a child would be taken for those of its parent.
        seq = None if self._is_child else self.kept.keep(text.name, text.label, chunk)
        session.send(
            pub_thread,
            "stream",
            {"name": text.name, "text": chunk},
            parent=text.label,
            ident=b"stream." + text.name.encode(),
            metadata={} if seq is None else {TEXT_SEQ: seq},
        )


@dataclass(frozen=True)
class _Kept:
    seq: int
    time: float
    name: str
    text: str
    label: dict[str, Any]


class KeptText:
    """The latest text that no manager has acknowledged yet. Any thread may use it."""

    def __init__(self, limit: int = KEPT_CHARACTERS) -> None:
        self._limit = limit
        self._lock = threading.RLock()
        self._texts: deque[_Kept] = deque()
        self._length = 0
        self._seq = 0
        self._acknowledged = 0
        self._gone: deque[tuple[int, int]] = deque()  # number of a text that is lost, its lines

    def keep(self, name: str, label: dict[str, Any], text: str) -> int:
        """Number a text and keep it; the oldest go when there is too much."""
        with self._lock:
            self._seq += 1
            short = {key: label[key] for key in LABEL_KEYS if key in label}
            self._texts.append(_Kept(self._seq, time.time(), name, text, short))
            self._length += len(text)
            while self._length > self._limit and len(self._texts) > 1:
                self._lose(self._texts.popleft())
            return self._seq

    def acknowledge(self, upto: int) -> None:
        """Forget the texts up to and including this number."""
        with self._lock:
            self._acknowledged = max(self._acknowledged, upto)
            while self._texts and self._texts[0].seq <= upto:
                self._length -= len(self._texts.popleft().text)
            while self._gone and self._gone[0][0] <= upto:
                self._gone.popleft()

    def since(self, number: int | None) -> dict[str, Any]:
        """Return the texts after a number, with the count of lines that are lost."""
        with self._lock:
            begin = self._acknowledged if number is None else number
            return {
                "texts": [
                    {"seq": t.seq, "time": t.time, "name": t.name, "text": t.text, "label": t.label}
                    for t in self._texts
                    if t.seq > begin
                ],
                "seq": self._seq,
                "lost": sum(lines for seq, lines in self._gone if seq > begin),
            }

    def _lose(self, text: _Kept) -> None:
        self._length -= len(text.text)
        self._gone.append((text.seq, line_count(text.text)))
        if len(self._gone) > KEPT_GAPS:
            _, lines = self._gone.popleft()
            seq, more = self._gone.popleft()
            self._gone.appendleft((seq, lines + more))


def chunks(text: str, size: int = CHUNK) -> Iterator[str]:
    """Cut a text for several messages: after lines, and never inside an escape sequence."""
    begin = 0
    while len(text) - begin > size:
        end = text.rfind("\n", begin, begin + size) + 1
        if end == 0:
            end = begin + size
            escape = text.rfind("\x1b", end - LONGEST_ESCAPE, end)
            end = escape if escape > begin else end
        yield text[begin:end]
        begin = end
    yield text[begin:]
