"""The commands of ``%qserver`` for Python code: ``from qs_jupyter import qs``.

``qs("queue start")`` is ``%qserver queue start``, and ``await qs.wait()`` waits while buttons
of panels and other tasks of the notebook go on.
"""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython

from qs_jupyter.api.phrase_slots import Speaker
from qs_jupyter.magics import waiting
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.grammar import line_grammar
from qs_jupyter.magics.options import Options
from qs_jupyter.magics.performer import Performer
from qs_jupyter.magics.qserver import QServerMagics, load, loaded
from qs_jupyter.magics.targets import goal_of, outcome
from qs_jupyter.magics.words import finished, split


class QueueServer:
    """The queue server of this notebook."""

    def __call__(self, line: str, body: str | None = None) -> Any:
        """Carry out a command, or a cell command with its text, and return the reply."""
        return self._magics.run(line, body)

    async def wait(self, target: str = "queue") -> Any:
        """Wait for what may stand behind ``%qserver wait``, like ``queue`` or ``item UID``.

        Raises
        ------
        MagicFailure
            It can no longer be reached, for instance because the plan failed.
        """
        magics = self._magics
        session = magics.session
        words = ["wait", *(word.text for word in finished(split(target)))]
        params = line_grammar().read(words, Speaker()).params
        session.request("ping")
        goal, method = goal_of(session, params)
        result = await waiting.wait_async(session.hub, goal, magics.surroundings().make_bar)
        performer = Performer(session, Options(), magics.surroundings())
        return performer.reply(method, outcome(session, result))

    @property
    def _magics(self) -> QServerMagics:
        shell = get_ipython()
        if shell is None:
            raise MagicFailure("this works in IPython and Jupyter only; use qs_jupyter.client")
        load(shell)
        magics = loaded(shell)
        assert magics is not None
        return magics


qs = QueueServer()
