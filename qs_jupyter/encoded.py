"""Parts of replies that are JSON text already.

The queue is kept as text for the store and for clients, so a reply takes the text over
instead of decoding and encoding fifty thousand items again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EncodedList:
    """A list whose members are JSON texts already; decoded again only for MessagePack."""

    texts: tuple[str, ...]

    def text_bytes(self) -> bytes:
        """Return the list as JSON in UTF-8."""
        return ("[" + ", ".join(self.texts) + "]").encode()

    def plain(self) -> list[Any]:
        """Return the list as Python objects."""
        return [json.loads(text) for text in self.texts]


@dataclass(frozen=True, slots=True)
class EncodedText:
    """Any content that is JSON text already."""

    text: str

    def text_bytes(self) -> bytes:
        """Return the content as JSON in UTF-8."""
        return self.text.encode()

    def plain(self) -> Any:
        """Return the content as Python objects."""
        return json.loads(self.text)


ENCODED = (EncodedList, EncodedText)
