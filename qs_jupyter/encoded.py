"""Parts of replies that are JSON text already.

The queue is kept as text for the store and for clients, so a reply takes the text over
instead of decoding and encoding fifty thousand items again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qs_jupyter import huge_json


@dataclass(frozen=True, slots=True)
class EncodedList:
    """A list whose members are JSON texts already; decoded again only for MessagePack."""

    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The list as JSON."""
        return f"[{', '.join(self.texts)}]"

    @property
    def size(self) -> int:
        """The number of characters, about."""
        return sum(map(len, self.texts))

    def plain(self) -> list[Any]:
        """Return the list as Python objects."""
        return [_loads(text) for text in self.texts]


@dataclass(frozen=True, slots=True)
class EncodedText:
    """Any content that is JSON text already."""

    text: str

    @property
    def size(self) -> int:
        """The number of characters."""
        return len(self.text)

    def plain(self) -> Any:
        """Return the content as Python objects."""
        return _loads(self.text)


def _loads(text: str) -> Any:
    return json.loads(text) if len(text) < huge_json.HUGE_BYTES else huge_json.loads(text.encode())


ENCODED = (EncodedList, EncodedText)


def joined(message: Mapping[str, Any]) -> str:
    """Return a map as JSON text, with the parts that are text already as they are."""
    plain = {key: value for key, value in message.items() if not isinstance(value, ENCODED)}
    texts = [json.dumps(plain, default=repr)[1:-1]] if plain else []
    texts += [
        f"{json.dumps(key)}: {value.text}"
        for key, value in message.items()
        if isinstance(value, ENCODED)
    ]
    return f"{{{', '.join(texts)}}}"
