"""A Jupyter kernel as a notebook has it: it runs cells, asks, shows, completes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

LIMIT_S = 60.0


def be_patient(ipython_dir: Path) -> None:
    """Let the notebooks of an IPython folder wait for replies, however slow the machine is."""
    profile = ipython_dir / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    config = f"get_config().QServerMagics.timeout = {LIMIT_S}\n"
    (profile / "ipython_kernel_config.py").write_text(config)


class Kernel:
    """A kernel and everything that it says."""

    def __init__(self, home: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("QSERVER")
        }
        environment.update(HOME=str(home), XDG_RUNTIME_DIR=str(home), IPYTHONDIR=str(home / "ipy"))
        be_patient(home / "ipy")
        self._manager = KernelManager()
        self._manager.start_kernel(env=environment, cwd=str(home))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT_S)
        self.said: list[dict[str, Any]] = []

    def interrupt(self) -> None:
        """Do what the stop button does."""
        self._manager.interrupt_kernel()

    def run(
        self,
        cell: str,
        typed: str | None = None,
        at_bar: Callable[[], object] | None = None,
        at_picture: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """Run a cell; type something when it asks, act at its first bar and first picture."""
        asked: list[Any] = []
        deeds = {"<progress": at_bar, "<svg": at_picture}

        def listen(message: dict[str, Any]) -> None:
            self.said.append(message["content"])
            html = message["content"].get("data", {}).get("text/html", "")
            for mark in [each for each in deeds if each in html]:
                if (deed := deeds.pop(mark)) is not None:
                    deed()

        def answer(message: dict[str, Any]) -> None:
            asked.append(message["content"])
            self._client.input(typed or "")

        reply = self._client.execute_interactive(
            cell,
            allow_stdin=typed is not None,
            stdin_hook=answer,
            output_hook=listen,
            timeout=LIMIT_S,
        )
        self.said.append(reply["content"])
        assert all(question["password"] for question in asked)
        content: dict[str, Any] = reply["content"]
        return content

    def good(self, cell: str) -> None:
        """Run a cell that must succeed."""
        reply = self.run(cell)
        assert reply["status"] == "ok", reply

    def shows(self, cell: str) -> str:
        """Run a cell that must succeed, and return the text of its result."""
        seen = len(self.said)
        self.good(cell)
        results = [
            each for each in self.said[seen:] if "execution_count" in each and "data" in each
        ]
        return str(results[-1]["data"]["text/plain"])

    def html(self) -> list[str]:
        """Return all HTML that was shown."""
        return [html for each in self.said if (html := each.get("data", {}).get("text/html"))]

    def texts(self) -> list[str]:
        """Return the text forms of all that was shown."""
        return [text for each in self.said if (text := each.get("data", {}).get("text/plain"))]

    def complete(self, text: str) -> list[str]:
        """Return what Tab offers."""
        reply = self._client.complete(text, len(text), reply=True, timeout=LIMIT_S)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def types(self, text: str) -> set[str]:
        """Return of what types the things are that Tab offers."""
        reply = self._client.complete(text, len(text), reply=True, timeout=LIMIT_S)
        return {
            each["type"] for each in reply["content"]["metadata"]["_jupyter_types_experimental"]
        }

    def inspect(self, text: str) -> str:
        """Return what Shift-Tab shows at the end of a text."""
        reply = self._client.inspect(text, len(text), reply=True, timeout=LIMIT_S)
        return str(reply["content"]["data"].get("text/plain", ""))

    def close(self) -> None:
        """End the kernel as Jupyter does; harmless when done before."""
        if not self._manager.has_kernel:
            return
        self._client.stop_channels()
        self._manager.shutdown_kernel()
