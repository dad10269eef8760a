"""Shift-Tab, and the help beside the list of Tab, for plans and devices of the manager.

IPython has no hook for that, so the one function through which kernels look at objects for
their clients is wrapped. Names of the notebook come first: only what is not found there is
looked up in the lists of the manager. The network is asked for nothing.
"""

from __future__ import annotations

from typing import Any

from qs_jupyter.magics.described import abilities
from qs_jupyter.magics.display import Table, View, as_html, as_text
from qs_jupyter.magics.help_texts import about_plan
from qs_jupyter.magics.session import Session

FUNCTION = "object_inspect_mime"
Bundle = dict[str, Any]


class Inspection:
    """Answers for a shell what plans and devices are."""

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._inner = getattr(shell, FUNCTION)

    def install(self) -> None:
        """Begin to answer."""
        setattr(self._shell, FUNCTION, self._inspect)

    def remove(self) -> None:
        """Let the shell be as it was."""
        if self._shell.__dict__.get(FUNCTION) == self._inspect:
            delattr(self._shell, FUNCTION)

    def _inspect(self, oname: str, *args: Any, **kwargs: Any) -> Bundle:
        try:
            bundle: Bundle = self._inner(oname, *args, **kwargs)
        except KeyError:
            view = self.about(oname)
            if view is None:
                raise
            return {"text/plain": as_text(view), "text/html": as_html(view)}
        return bundle

    def about(self, name: str) -> View | None:
        """Return what there is to say about a plan or a device; None for all other names."""
        if not self._session.has_begun:
            return None
        tables = self._session.names.at_hand()
        if name in tables.plans:
            return about_plan(name, tables.plans[name])
        device = tables.paths.get(name)
        if device is None:
            return None
        parts = device.get("components") or {}
        rows = [
            (part, str(each.get("classname", "")), abilities(each)) for part, each in parts.items()
        ]
        can = abilities(device)
        return View(
            f"{name}: {device.get('classname', 'device')}",
            lead=f"A device that can be {can}." if can else "A device.",
            tables=[Table(("part", "class", "can be"), rows)] if rows else [],
        )
