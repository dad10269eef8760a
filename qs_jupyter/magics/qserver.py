"""``%qserver`` and ``%%qserver``: the queue server from IPython and Jupyter.

Loading the extension connects to nothing. The first command starts to follow the manager in
the background, so that completion and waits know what goes on.
"""

from __future__ import annotations

import getpass
import sys
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Bool, Enum, Float, Int, Unicode

from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.errors import QueueServerError
from qs_jupyter.magics import help_texts, options
from qs_jupyter.magics.bars import NotebookBar, TerminalBar
from qs_jupyter.magics.cells import run_cell
from qs_jupyter.magics.completion import Completer
from qs_jupyter.magics.display import SHOWN_ROWS
from qs_jupyter.magics.failures import MagicFailure, red_line
from qs_jupyter.magics.inspection import Inspection
from qs_jupyter.magics.lines import run_line
from qs_jupyter.magics.performer import Performer, Surroundings
from qs_jupyter.magics.session import Session, Wishes
from qs_jupyter.magics.words import expanded, finished, is_silenced, split, without_semicolon

NAMES = ("qserver", "qs")


@magics_class
class QServerMagics(Magics):  # type: ignore[misc]
    """The magics and their configuration: ``%config QServerMagics``."""

    address = Unicode(
        None, allow_none=True, help="address of the manager, else QSERVER_ZMQ_CONTROL_ADDRESS"
    ).tag(config=True)
    encoding = Unicode(
        None, allow_none=True, help="json or msgpack, else QSERVER_ZMQ_ENCODING"
    ).tag(config=True)
    public_key = Unicode(
        None, allow_none=True, help="public key of the manager, else QSERVER_ZMQ_PUBLIC_KEY"
    ).tag(config=True)
    user = Unicode(None, allow_none=True, help="user of the items, else the login name").tag(
        config=True
    )
    user_group = Unicode("primary", help="group whose permissions apply").tag(config=True)
    timeout = Float(2.0, help="seconds to wait for a reply").tag(config=True)
    on_failure = Enum(
        ("raise", "show"), "raise", help="whether a refused request fails the cell"
    ).tag(config=True)
    confirm = Bool(True, help="ask before a running plan would be killed").tag(config=True)
    show_rows = Int(SHOWN_ROWS, help="rows of a table that are shown").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.session = Session(
            self._wishes,
            ask=self._ask_for_key,
            variables=shell.user_ns,
        )
        self.completer = Completer(self.session, shell)
        self.inspection = Inspection(shell, self.session)
        self._has_warned = False

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def qserver(self, line: str, cell: str | None = None) -> Any:
        """Talk to the queue server."""
        return self.run(line, cell)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def qs(self, line: str, cell: str | None = None) -> Any:
        """Talk to the queue server: the short name of ``%qserver``."""
        return self.run(line, cell)

    def run(self, line: str, cell: str | None = None) -> Any:
        """Carry out a line, or a cell with its first line, and return what it shows."""
        try:
            result = self._run(line, cell)
            # IPython's own way to silence magics reads every text as Python, and fails.
            return None if is_silenced(line if cell is None else cell) else result
        except MagicFailure as failure:
            return self._failed(failure)
        except PhraseError as error:
            # What would have been right is a long list; a good guess is enough.
            guess, found, _ = str(error).partition("?): ")
            return self._failed(MagicFailure(f"{guess}?)" if found else guess))
        except QueueServerError as error:
            return self._failed(MagicFailure(str(error)))

    def _run(self, line: str, cell: str | None) -> Any:
        variables = self.shell.user_ns
        chosen = options.parse(finished(split(without_semicolon(line))))
        words = [expanded(word, variables) for word in chosen.words]
        self._warn_of_key(chosen)
        with self.session.for_this_line(**chosen.overrides()):
            performer = Performer(self.session, chosen, self.surroundings())
            result = (
                run_line(performer, words) if cell is None else run_cell(performer, words, cell)
            )
            if chosen.out:
                variables[chosen.out] = result
            return performer.shown(result)

    def surroundings(self) -> Surroundings:
        """Return what lines meet in this shell."""
        is_terminal = not hasattr(self.shell, "kernel")
        return Surroundings(
            ask=input,
            make_bar=TerminalBar if is_terminal else NotebookBar,
            is_terminal=is_terminal,
            shows_widgets=not _is_terminal_shell(self.shell),
            is_worker=_is_worker(self.shell),
            confirms=self.confirm,
            shown_rows=self.show_rows,
        )

    def _ask_for_key(self, question: str) -> str:
        if not hasattr(self.shell, "kernel") and not sys.stdin.isatty():
            raise EOFError
        # Looked up each time: kernels put another function there while a cell runs.
        return getpass.getpass(question)

    def _failed(self, failure: MagicFailure) -> Any:
        if self.on_failure == "raise":
            raise failure from None
        sys.stderr.write(f"{red_line(str(failure))}\n")
        return getattr(failure, "reply", None)

    def _warn_of_key(self, chosen: options.Options) -> None:
        if chosen.lock_key and not self._has_warned:
            self._has_warned = True
            sys.stderr.write(
                "qserver: a key typed behind -k stays in the notebook and in the history; "
                "%qserver key prompt leaves no trace\n"
            )

    def _wishes(self) -> Wishes:
        return Wishes(
            address=self.address,
            encoding=self.encoding,
            public_key=self.public_key,
            user=self.user,
            user_group=self.user_group,
            timeout_s=self.timeout,
        )


def _is_terminal_shell(shell: Any) -> bool:
    # Whoever has such a shell has the module; importing it would cost a notebook for nothing.
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    return terminal is not None and isinstance(shell, terminal.TerminalInteractiveShell)


def _is_worker(shell: Any) -> bool:
    kernel = getattr(shell, "kernel", None)
    return type(kernel).__module__.partition(".")[0] == "qs_kernel_worker"


def load(shell: Any) -> None:
    """Register magics and completion in a shell; a second call does nothing."""
    if loaded(shell) is not None:
        return
    text = help_texts.whole_grammar()
    for name in NAMES:
        getattr(QServerMagics, name).__doc__ = text
    magics = QServerMagics(shell)
    shell.register_magics(magics)
    magics.inspection.install()
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers.append(magics.completer.matcher)


def unload(shell: Any) -> None:
    """Take magics and completion out of a shell and stop following managers."""
    magics = loaded(shell)
    if magics is None:
        return
    magics.session.close()
    magics.inspection.remove()
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        for name in NAMES:
            manager.magics[kind].pop(name, None)
    manager.registry.pop(QServerMagics.__name__, None)
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    completer = getattr(shell, "Completer", None)
    if completer is not None and magics.completer.matcher in completer.custom_matchers:
        completer.custom_matchers.remove(magics.completer.matcher)


def loaded(shell: Any) -> QServerMagics | None:
    """Return the magics of a shell, None when the extension is not loaded there."""
    magics = shell.magics_manager.registry.get(QServerMagics.__name__)
    return magics if isinstance(magics, QServerMagics) else None
