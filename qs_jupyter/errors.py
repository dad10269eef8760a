"""The tree of refusals and failures, with the text that clients read.

QueueServerError
├─ Refusal               the request cannot be done now; its text is for people
│  ├─ BadRequest           unknown, missing or ill-typed parameter
│  ├─ Locked               wrong or missing lock key
│  ├─ NotAllowed           permissions, or arguments that do not fit the plan
│  └─ WrongState           not possible in this state
├─ ConfigurationError    settings that contradict each other or the machine
└─ Failure               something that should have worked did not
   ├─ KernelFailure        did not start, died, did not answer in time
   ├─ StoreFailure         the store is away or refuses
   └─ ProtocolFailure      a message nobody could read
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class QueueServerError(Exception):
    """Everything this package raises on purpose."""


class Refusal(QueueServerError):  # noqa: N818 - a refusal is no error of ours
    """The request cannot be done now; the text is meant for the person who asked.

    Keyword arguments become fields of the reply, in place of the declared ones.
    """

    # Whether the text stands alone, without the prefix of the method.
    bare = False

    def __init__(self, text: str, **reply: object) -> None:
        super().__init__(text)
        self.reply = reply


class BadRequest(Refusal):
    """A parameter is unknown, missing or has the wrong type."""


class Locked(Refusal):
    """The manager is locked and the key is missing or wrong."""


class NotAllowed(Refusal):
    """Permissions forbid it, or the arguments do not fit the plan."""


class WrongState(Refusal):
    """Not possible in the present state of manager, environment or Run Engine."""


class ConfigurationError(QueueServerError):
    """The settings contradict each other or the machine; one readable sentence."""


class Failure(QueueServerError):  # noqa: N818 - the root of a family of errors
    """Something that should have worked did not."""


class KernelFailure(Failure):
    """The kernel did not start, died, or did not answer in time."""


class StoreFailure(Failure):
    """The store is away or refuses to write."""


class ProtocolFailure(Failure):
    """A message that nobody could read."""


def yaml_problem(error: Exception) -> str:
    """Return in one line what a reader of YAML complains about, and where."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'det1'?)``, or nothing when no known name is close."""
    if not isinstance(name, str):
        return ""
    matches = get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
