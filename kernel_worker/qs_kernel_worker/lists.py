"""The existing plans and devices: rebuilt when asked, numbered when they change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qs_kernel_worker import namespace
from qs_kernel_worker.messages import ListsChanged, WorkerConfig
from qs_kernel_worker.outbox import Outbox

REMEMBERED_GENERATIONS = 5


@dataclass(frozen=True)
class _Generation:
    plans: dict[str, Any]
    devices: dict[str, Any]


class Lists:
    """Descriptions of what the namespace holds, and the last few generations of them.

    The lock keeps rebuilds of background scripts apart from each other and from jobs.
    """

    def __init__(self, user_ns: dict[str, Any], config: WorkerConfig, outbox: Outbox) -> None:
        self._user_ns = user_ns
        self._config = config
        self._outbox = outbox
        self._lock = threading.Lock()
        self._generations: OrderedDict[int, _Generation] = OrderedDict({0: _Generation({}, {})})

    @property
    def generation(self) -> int:
        """Number of the present descriptions, 0 before there are any."""
        return next(reversed(self._generations))

    def rebuild(self) -> Any:
        """Describe the namespace anew; tell the manager only when something differs.

        Raises
        ------
        namespace.InvalidPlanError
            In strict mode, for the first plan that cannot be described.
        """
        with self._lock:
            found = namespace.existing_lists(
                self._user_ns,
                ignore_invalid_plans=self._config.ignore_invalid_plans,
                device_max_depth=self._config.device_max_depth,
            )
            present = _Generation(found.plans, found.devices)
            if present != self._generations[self.generation]:
                number = self.generation + 1
                self._generations[number] = present
                if len(self._generations) > REMEMBERED_GENERATIONS:
                    self._generations.popitem(last=False)
                self._outbox.append(ListsChanged(number))
            return found

    def changes_since(self, since: int | None) -> dict[str, Any]:
        """Return all descriptions, or what differs from a generation that is remembered."""
        number = self.generation
        present = self._generations[number]
        earlier = None if since is None else self._generations.get(since)
        if earlier is None:
            return {
                "generation": number,
                "since": None,
                "plans": present.plans,
                "devices": present.devices,
            }
        return {
            "generation": number,
            "since": since,
            "plans": _difference(earlier.plans, present.plans),
            "devices": _difference(earlier.devices, present.devices),
        }


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    changed = {name: item for name, item in after.items() if before.get(name) != item}
    return {**changed, **{name: None for name in before if name not in after}}
