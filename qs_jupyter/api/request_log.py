"""What the log tells about requests: that one came, and what became of it.

Only in verbose mode, because clients ask a hundred times a second. Parameters are not shown:
they may be keys, or very long. Methods that clients ask for again and again are left out, also
because of `events_get`: each line of the log is an event that it waits for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.api.table import Method

logger = logging.getLogger(__name__)

LONGEST_REASON = 200

Respond = Callable[[Mapping[str, Any]], None]


def is_wanted(method: Method) -> bool:
    """Tell whether somebody wants to read about requests for the method."""
    return not method.quiet and logger.isEnabledFor(logging.DEBUG)


def told(method: Method, params: Mapping[str, Any], respond: Respond) -> Respond:
    """Write that the request came; return what answers it and writes what became of it."""
    began = time.perf_counter()
    fields = {"method": method.name}
    logger.debug("%s%s ...", method.begins, _by(params), extra=fields)

    def respond_and_tell(reply: Mapping[str, Any]) -> None:
        if reply.get("success"):
            taken_ms = 1000 * (time.perf_counter() - began)
            logger.debug("%s (%.1f ms)", method.done, taken_ms, extra=fields)
        else:
            reason = _without_key(str(reply.get("msg")).partition("\n")[0], params)
            logger.debug("Request '%s' was refused: %s", method.name, reason, extra=fields)
        respond(reply)

    return respond_and_tell


def _by(params: Mapping[str, Any]) -> str:
    user = params.get("user")
    return f" by {user!r}" if isinstance(user, str) else ""


def _without_key(reason: str, params: Mapping[str, Any]) -> str:
    """Shorten a reason, and cover a key that it quotes for being of the wrong type."""
    key = params.get("lock_key")
    if key is not None and not isinstance(key, str):
        reason = reason.replace(repr(key), "***")
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} …"
