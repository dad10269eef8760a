"""Documents of running plans for panels and notebooks: slim, in batches, only while wanted.

A document costs the plan a few microseconds: it is appended to a list, and a timer thread
cleans and sends what has come together. Start and descriptor documents of the open runs are
remembered, so that somebody who begins to follow in the middle of a run gets them first.
Whole documents for data storage are the business of bluesky's own publishers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from qs_kernel_worker import plain_data

logger = logging.getLogger(__name__)

BATCH_S = 0.1
# Longer arrays are images and spectra: their place is a data store, not a live plot.
LONGEST_VALUE = 64

START_KEYS = (
    "uid",
    "scan_id",
    "time",
    "plan_name",
    "plan_type",
    "plan_args",
    "detectors",
    "motors",
    "num_points",
    "num_intervals",
    "shape",
    "hints",
    "queue_item_uid",
)
STOP_KEYS = ("uid", "run_start", "time", "exit_status", "reason", "num_events")

Document = dict[str, Any]
Send = Callable[[str | None, list[Document]], None]


class Documents:
    """Subscribed to the documents of each plan of the manager.

    Called in the thread of the Run Engine; sends from a timer's thread.
    """

    def __init__(self, send: Send | None = None) -> None:
        self._send_to = send
        # Held from the taking of a batch to its sending, so that none overtakes an earlier one:
        # the last batch of a plan has to leave before its end is told.
        self._sending = threading.RLock()
        self._lock = threading.Lock()
        self._is_wanted = False
        self._item_uid: str | None = None
        self._heads: dict[str, list[Document]] = {}
        self._batch: list[tuple[str, Mapping[str, Any]]] = []
        self._timer: threading.Timer | None = None

    def on_batch(self, send: Send) -> None:
        """Send every further batch with this function."""
        self._send_to = send

    def _send(self, item_uid: str | None, documents: list[Document]) -> None:
        if self._send_to is not None:
            self._send_to(item_uid, documents)

    def begin(self, item_uid: str) -> None:
        """Take documents of a new plan from now on."""
        self.flush()
        with self._lock:
            self._item_uid = item_uid
            self._heads = {}

    def want(self, wanted: bool) -> None:
        """Begin or end to send; the heads of open runs come first."""
        with self._sending:
            with self._lock:
                if wanted and not self._is_wanted:
                    heads = [head for documents in self._heads.values() for head in documents]
                    item_uid = self._item_uid
                else:
                    heads = []
                self._is_wanted = wanted
                if not wanted:
                    self._batch.clear()
            if heads:
                self._send(item_uid, heads)

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Take a document of the Run Engine."""
        with self._lock:
            if name in ("start", "descriptor", "stop"):
                self._remember(name, document)
            if not self._is_wanted:
                return
            self._batch.append((name, document))
            if self._timer is None:
                self._timer = threading.Timer(BATCH_S, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Send what has come together."""
        with self._sending:
            with self._lock:
                batch, self._batch = self._batch, []
                item_uid = self._item_uid
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            slims = [slim for name, document in batch if (slim := _slimmed(name, document))]
            if slims:
                self._send(item_uid, slims)

    def _remember(self, name: str, document: Mapping[str, Any]) -> None:
        if name == "stop":
            self._heads.pop(str(document["run_start"]), None)
            return
        run = str(document["uid"] if name == "start" else document["run_start"])
        slim = _slimmed(name, document)
        if slim is not None:
            self._heads.setdefault(run, []).append(slim)


def _slimmed(name: str, document: Mapping[str, Any]) -> Document | None:
    try:
        return slimmed(name, document)
    except Exception:
        # The rim to documents of users' devices and plans: a view of a plan must not end it.
        logger.exception("A %s document is left out of the live view", name)
        return None


def slimmed(name: str, document: Mapping[str, Any]) -> Document | None:
    """Return what a live view needs of a document, as plain data; None for nothing."""
    if name == "start":
        return {"name": name, **_chosen(document, START_KEYS)}
    if name == "stop":
        return {"name": name, **_chosen(document, STOP_KEYS)}
    if name == "descriptor":
        return {
            "name": name,
            "uid": str(document["uid"]),
            "run_start": str(document["run_start"]),
            "stream": document.get("name", "primary"),
            "hints": plain_data.plain(document.get("hints", {})),
            "fields": [key for key, data in document["data_keys"].items() if _is_scalar(data)],
            "units": {
                key: data.get("units")
                for key, data in document["data_keys"].items()
                if data.get("units")
            },
        }
    if name == "event":
        return {
            "name": name,
            "descriptor": str(document["descriptor"]),
            "seq_num": int(document["seq_num"]),
            "time": float(document["time"]),
            "data": {key: _value(value) for key, value in document["data"].items()},
        }
    if name == "event_page":
        return {
            "name": name,
            "descriptor": str(document["descriptor"]),
            "seq_num": plain_data.plain(document["seq_num"]),
            "time": plain_data.plain(document["time"]),
            "data": plain_data.plain(document["data"]),
        }
    return None


def _chosen(document: Mapping[str, Any], keys: tuple[str, ...]) -> Document:
    return {key: plain_data.plain(document[key]) for key in keys if key in document}


def _is_scalar(data_key: Mapping[str, Any]) -> bool:
    return data_key.get("dtype") in ("number", "integer", "string", "boolean")


def _value(value: Any) -> Any:
    if isinstance(value, (int, float, str, bool)) or value is None:
        return value
    plain = plain_data.plain(value)
    if isinstance(plain, list) and len(plain) > LONGEST_VALUE:
        return None
    return plain
