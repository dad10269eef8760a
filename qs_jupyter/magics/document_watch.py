"""Has the worker send the documents of plans, for curves and for bars.

The worker sends them only while somebody follows. Whoever starts a plan from a notebook wants
to see it, so following begins there, before the plan can measure its first point, and ends
with ``disconnect`` or with the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from qs_jupyter.client.hub import Hub
from qs_jupyter.magics.session import Session


def watch_documents(session: Session) -> None:
    """Let the mirror hold the runs from now on; a second call does nothing."""
    hub = session.hub
    if session.keep_open(("documents", hub), partial(documents, hub)):
        # The hub's own question is on its way. This one is answered before anything else that
        # is asked, and a manager without numbered events may refuse it.
        hub.request("events_get", since=2**62, documents=True)


@contextmanager
def documents(hub: Hub) -> Iterator[None]:
    """Have documents sent to a hub; they are read from its mirror."""
    with hub.following_documents() as feed:

        def empty(_parts: set[str]) -> None:
            while not feed.empty():
                feed.get_nowait()

        end_listening = hub.listen(empty)
        try:
            yield
        finally:
            end_listening()
