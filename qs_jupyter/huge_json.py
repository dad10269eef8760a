"""JSON of huge values, without holding up others for long.

Python's reader and writer of JSON hold the interpreter until they are done: a second for a
million numbers, in which an event loop stands still, also when they work in another thread.
`loads` takes pydantic's reader, which needs a fifth of the time; `dumps` writes piece by piece
and lets other threads have their turn in between. Both are meant for threads
(`asyncio.to_thread`), and for values that are huge: for others Python's own are faster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

# From here on a value is worth a thread: Python's JSON takes some ten milliseconds for it.
HUGE_BYTES: Final = 500_000
MANY_VALUES: Final = 20_000

# Numbers at a time. Few, so that one that must be spelt by Python does not slow down many.
_STEP: Final = 512
_ROWS: Final = (list, tuple)
_CONTAINERS: Final = (dict, list, tuple)


def is_huge(value: Any) -> bool:
    """Tell whether the value has so many parts that its JSON takes long; soon decided."""
    left = MANY_VALUES
    open_parts = [value]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, dict):
            part = part.values()
        elif not isinstance(part, _ROWS):
            continue
        left -= len(part)
        if left < 0:
            return True
        open_parts += [inner for inner in part if isinstance(inner, _CONTAINERS)]
    return False


def dumps(value: Any) -> str:
    """Return what ``json.dumps`` returns."""
    return "".join(_pieces(value))


def loads(data: bytes) -> Any:
    """Return what ``json.loads`` returns, or raise what it raises."""
    from pydantic_core import from_json  # noqa: PLC0415 - clients never come here

    try:
        return from_json(data)
    except ValueError:
        return json.loads(data)  # it takes more, or knows the words for what is wrong


# ------------------------------------------------------------------------------------ writing


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and is_huge(value):
        opening = "{"
        for key, inner in value.items():
            yield f"{opening}{_key(key)}: "
            yield from _pieces(inner)
            opening = ", "
        yield "}"
    elif isinstance(value, _ROWS) and is_huge(value):
        opening = "["
        for start in range(0, len(value), _STEP):
            yield opening
            yield from _row(value[start : start + _STEP])
            opening = ", "
        yield "]"
    else:
        yield json.dumps(value)


def _key(key: Any) -> str:
    return json.dumps(key) if isinstance(key, str) else json.dumps({key: None})[1:-7]


def _row(values: Sequence[Any]) -> Iterator[str]:
    """Yield members of a list, without its brackets."""
    kinds = set(map(type, values))
    if kinds == {float} and not any(-1e-4 < number < 1e-4 and number for number in values):
        # Only tiny numbers are spelt in another way there.
        from pydantic_core import to_json  # noqa: PLC0415 - clients never come here

        numbers = to_json(list(values), inf_nan_mode="constants").decode()
        yield numbers[1:-1].replace(",", ", ")
    elif kinds.isdisjoint(_CONTAINERS):
        yield json.dumps(values)[1:-1]
    else:
        opening = ""
        for value in values:
            yield opening
            yield from _pieces(value)
            opening = ", "
