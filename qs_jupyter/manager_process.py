"""The process of the manager: started by the launcher, or by a service manager without one."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from qs_jupyter.errors import ConfigurationError, Failure
from qs_jupyter.launcher_link import LauncherLink
from qs_jupyter.launcher_orders import Orders, StopReason, read_orders
from qs_jupyter.service_manager import ServiceManager
from qs_jupyter.settings import Settings

logger = logging.getLogger(__name__)

# Ends of this process that the launcher does not take for an order: it starts another one.
CRASHED = 70

# When the launcher is gone and the manager cannot end in order in this time, it is ended,
# since the next one needs its ports.
_ALONE_S = 5.0

RunManager = Callable[[Settings, LauncherLink], Awaitable[int]]

_SIGNALS = {
    signal.SIGINT: StopReason.INTERRUPT,
    signal.SIGTERM: StopReason.TERMINATE,
}


def run_linked(incoming: int, outgoing: int, run: RunManager | None = None) -> int:
    """Run a manager at the end of two pipes of the launcher; return the exit code."""
    # The worker must not inherit the pipes: they would not end when this process does.
    os.set_inheritable(incoming, False)
    os.set_inheritable(outgoing, False)
    orders = read_orders(incoming)
    link = LauncherLink(is_restart=orders.is_restart, incoming=incoming, outgoing=outgoing)
    return asyncio.run(_run(orders, link, run))


def run_alone(
    settings: Settings, run: RunManager | None = None, *, service: ServiceManager | None = None
) -> int:
    """Run a manager that ends on SIGINT and SIGTERM; return the exit code."""
    return asyncio.run(_run(Orders(settings), LauncherLink(service=service), run, signals=True))


async def _run(
    orders: Orders, link: LauncherLink, run: RunManager | None, *, signals: bool = False
) -> int:
    async with link:
        if signals:
            for number, reason in _SIGNALS.items():
                asyncio.get_running_loop().add_signal_handler(number, link.request_stop, reason)
        alone = asyncio.create_task(_end_when_alone(link), name="launcher watch")
        try:
            code = await _guarded(orders.settings, link, run or _manager())
        finally:
            alone.cancel()
        if code != CRASHED:
            link.ending(code)
        return code


async def _guarded(settings: Settings, link: LauncherLink, run: RunManager) -> int:
    try:
        return await run(settings, link)
    except (ConfigurationError, Failure) as error:
        if link.is_ready:
            logger.exception("The manager ends because something it needs has failed")
            return CRASHED
        print(f"start-re-manager: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    except Exception:
        # The rim of the process: the launcher starts another manager.
        logger.exception("The manager ends because of an internal error")
        return CRASHED


async def _end_when_alone(link: LauncherLink) -> None:
    if await link.stop_requested() is StopReason.LAUNCHER_GONE:
        await asyncio.sleep(_ALONE_S)
        os._exit(CRASHED)


def _manager() -> RunManager:
    # The pipes must answer before the many imports of a manager are through.
    from qs_jupyter.app import run_manager  # noqa: PLC0415

    return run_manager


def main() -> None:
    """Run the manager at the ends of the pipes whose numbers are on the command line."""
    sys.exit(run_linked(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
