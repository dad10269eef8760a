"""``qs-jupyter lab``: JupyterLab with a manager of its own, to try things out.

New notebooks talk to this manager, and "RE worker (attached)" is among the kernels. Everything
ends with Ctrl-C: JupyterLab, its kernels, the manager, and managers that notebooks have
launched meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from qs_jupyter.attach.kernelspec import DISPLAY_NAME, KERNEL_NAME, install, kernelspec
from qs_jupyter.cli.private_manager import PrivateManager
from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.client.connection import CommunicationFailure, RequestRefused
from qs_jupyter.errors import Failure

FAILED = 1
INTERRUPTED = 130
LAB_END_LIMIT_S = 15.0
_USAGE = """\
usage: qs-jupyter lab [FILE] [OPTION ...]

Start a manager with simulated devices and JupyterLab beside it, on FILE or in this folder.
Options are those of JupyterLab (--no-browser, --port 8889 ...). Ctrl-C ends everything.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run JupyterLab until it is ended; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return 0
    if find_spec("jupyterlab") is None:
        print("JupyterLab is not installed: pip install 'qs-jupyter[lab]'", file=sys.stderr)
        return FAILED
    return asyncio.run(_until_a_signal(words))


async def _until_a_signal(words: Sequence[str]) -> int:
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    # Only the work is cancelled, and once: a second Ctrl-C must not interrupt the clearing up.
    work = asyncio.create_task(_run(words))
    waiting = asyncio.create_task(signalled.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not work.done():
        print("\nEnding JupyterLab and the manager ...", flush=True)
        work.cancel()
    try:
        return await work
    except asyncio.CancelledError:
        print("Everything has been ended.", flush=True)
        return INTERRUPTED


async def _run(words: Sequence[str]) -> int:
    manager = PrivateManager()
    try:
        async with manager:
            await manager.ready()
            await manager.client.request("environment_open", check=True)
            async with _lab(manager, words) as lab:
                _tell(manager)
                return await lab.wait()
    except (Failure, RequestRefused, TimeoutError) as error:
        print(f"qs-jupyter lab: {error or 'the manager does not start'}", file=sys.stderr)
        print("\n".join(f"  {line}" for line in manager.last_lines), file=sys.stderr)
        return FAILED


def _tell(manager: PrivateManager) -> None:
    print(f"A manager with simulated devices runs at {manager.control_addr}.")
    print("In a notebook: %load_ext qs_jupyter, then %qserver status, or %qserver panel.")
    print(f"A notebook on its worker: choose the kernel '{DISPLAY_NAME}'.")
    print("Press Ctrl-C to end everything.", flush=True)


@contextlib.asynccontextmanager
async def _lab(
    manager: PrivateManager, words: Sequence[str]
) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Have JupyterLab run; at its end also end managers that were launched in it."""
    environment = manager.environment
    folder = Path(environment["TMPDIR"])
    install(kernelspec(DISPLAY_NAME, {}), KERNEL_NAME, prefix=str(folder))
    lab = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jupyterlab", *_options(words)),
        env={**environment, "JUPYTER_PATH": str(folder / "share" / "jupyter")},
        # It would ask whether Ctrl-C is meant; the answer is yes.
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield lab
    finally:
        await _end(lab)
        await _end_managers(folder)


def _options(words: Sequence[str]) -> list[str]:
    """Return the options of JupyterLab; the address that it prints leads to the file."""
    if not words or not Path(words[0]).is_file():
        return list(words)
    file = Path(words[0]).absolute()
    opened = f"--LabApp.default_url=/lab/tree/{quote(file.name)}"
    return [f"--ServerApp.root_dir={file.parent}", opened, *words[1:]]


async def _end(lab: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if lab.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(lab.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAB_END_LIMIT_S):
                await lab.wait()


async def _end_managers(folder: Path) -> None:
    """End the managers that the notebooks of the repository launch for themselves."""
    for control in folder.glob("*/control"):  # noqa: ASYNC240 - a handful of entries
        async with AsyncClient(f"ipc://{control}") as client:
            with contextlib.suppress(CommunicationFailure):
                await client.request("manager_stop", option="safe_off")


if __name__ == "__main__":
    sys.exit(main())
