"""Queue mode: how the queue goes on after a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from qs_jupyter.errors import BadRequest, did_you_mean


@dataclass(frozen=True, slots=True)
class QueueMode:
    """``loop`` puts finished plans at the back again, ``ignore_failures`` goes on after one."""

    loop: bool = False
    ignore_failures: bool = False

    def as_dict(self) -> dict[str, bool]:
        """Return the mode as clients and stores read it."""
        return asdict(self)

    def changed(self, request: Any) -> QueueMode:
        """Return the mode after a request: a map of some settings, or ``"default"``."""
        if request == "default":
            return QueueMode()
        if not isinstance(request, Mapping):
            raise BadRequest(
                f"Queue mode is passed using object of unsupported type '{type(request)}': "
                f"{request!r}. A dictionary or the string 'default' is expected"
            )
        known = [f.name for f in fields(self)]
        for name, value in request.items():
            if name not in known:
                raise BadRequest(
                    f"Unsupported plan queue mode parameter '{name}'{did_you_mean(name, known)}. "
                    f"Supported parameters: {known}"
                )
            if not isinstance(value, bool):
                raise BadRequest(
                    f"Unsupported type '{type(value)}' of the parameter '{name}': "
                    "'bool' is expected"
                )
        return replace(self, **request)

    @classmethod
    def from_record(cls, record: Any) -> QueueMode:
        """Return the stored mode; what is missing or damaged counts as off."""
        if not isinstance(record, Mapping):
            return cls()
        return cls(**{f.name: record.get(f.name) is True for f in fields(cls)})
