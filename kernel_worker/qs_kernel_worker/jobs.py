"""Jobs that a manager hands to the main thread, over the shell channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Metadata is text about the sample and the like: it never names objects, not even where a plan
# takes it by ``**kwargs``.
METADATA_NAMES = frozenset({"md", "metadata"})


@dataclass(frozen=True)
class PlanJob:
    """Run one plan.

    ``convert`` names, for each parameter of the plan, the strings in its value that stand
    for objects of the namespace (``{"detectors": ["det1", "stage.x"]}``); every other string
    stays a string. The manager computes it from permissions and the plan's description, so
    the worker does no permission work. A string that is also in ``tentative`` stays a string
    when nothing has this name, as where a function or a text will do. ``metadata`` goes into
    the start document.
    """

    uid: str
    attempt: int
    item_uid: str
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    convert: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    tentative: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ContinueJob:
    """Resume, stop, abort or halt the paused plan of ``item_uid``."""

    uid: str
    attempt: int
    item_uid: str
    action: str


@dataclass(frozen=True)
class FunctionJob:
    """Call one function of the namespace with the arguments as sent.

    ``convert`` works as in `PlanJob`, for the opt-in conversion of names.
    """

    uid: str
    attempt: int
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    convert: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScriptJob:
    """Run Python source in the namespace; empty source only rebuilds what is asked for."""

    uid: str
    attempt: int
    script: str = ""
    update_lists: bool = True
    update_re: bool = False


Job = PlanJob | ContinueJob | FunctionJob | ScriptJob
