"""Builds a running manager out of settings: the one place where parts are chosen and joined."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import zmq

from qs_jupyter.api.dispatch import Dispatcher
from qs_jupyter.exposure import is_open_here
from qs_jupyter.kernel.driver import KernelDriver, KernelListener
from qs_jupyter.kernel.runtime import RuntimeFolder
from qs_jupyter.launcher_link import LauncherLink
from qs_jupyter.launcher_orders import StopReason
from qs_jupyter.log_lines import LineFormatter
from qs_jupyter.manager.manager import Manager
from qs_jupyter.manager.streams import CONNECTING_S, StreamLogHandler, Streams, Terminal
from qs_jupyter.open_files import allow_many_connections
from qs_jupyter.settings import Settings
from qs_jupyter.store.choice import open_store, store_place
from qs_jupyter.wire.codec import Codec, codec
from qs_jupyter.wire.publisher import Publisher
from qs_jupyter.wire.server import ControlServer, Respond

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.001


class Application:
    """A manager with its sockets, store, worker driver and streams."""

    def __init__(
        self,
        settings: Settings,
        *,
        driver: Callable[[KernelListener], KernelDriver] | None = None,
    ) -> None:
        self.settings = settings
        self._make_driver = driver or self._jupyter_driver
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._codec: Codec = codec(settings.zmq_encoding)
        self._publisher: Publisher | None = None
        terminal = Terminal() if settings.print_console_output else None
        if settings.zmq_publish_console:
            self._publisher = Publisher(self._context, self._codec)
        self.streams = Streams(self._publisher, terminal)
        self._log_handler = self._log_to_streams()
        self.store = open_store(settings)
        self.manager = Manager(settings, self.store, self.streams)
        self.dispatcher = Dispatcher(self.manager)
        self._server = ControlServer(self._context, self._codec, self._handle)

    @property
    def control_address(self) -> str:
        """The address of the request socket, with the port that a wildcard became."""
        return self._server.address

    @property
    def info_address(self) -> str | None:
        """The address of the publishing socket, None when nothing is published."""
        return None if self._publisher is None else self._publisher.address

    def _log_to_streams(self) -> logging.Handler:
        level = self.settings.console_logging_level
        handler = StreamLogHandler(self.streams)
        handler.setFormatter(LineFormatter(with_place=level <= logging.DEBUG))
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(level)
        for chatty in ("asyncio", "traitlets", "jupyter_client"):
            logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
        return handler

    def _handle(self, request: Any, respond: Respond) -> None:
        # Status is asked for far more often than anything else, and the same one again.
        if (
            isinstance(request, dict)
            and request.get("method") in ("status", "ping")
            and request.keys() <= {"method", "params"}
        ):
            respond(self.manager.core.status_board.encoded(self._codec.encode))
            return
        self.dispatcher.handle(request, respond)

    def bind(self) -> None:
        """Open the sockets.

        Raises
        ------
        ConfigurationError
            An address is taken or malformed.
        """
        settings = self.settings
        key = settings.zmq_private_key
        self._server.bind(settings.zmq_control_addr, secret_key=key)
        if self._publisher is not None:
            # Status and console tell as much as control does, so they share its key. Old
            # clients know no encrypted stream: the compatible profile leaves it open.
            stream_key = key if settings.security == "secure" else None
            self._publisher.bind(settings.zmq_info_addr, secret_key=stream_key)
        logger.info("ZMQ control channels: encryption %s", "enabled" if key else "disabled")
        if not key and is_open_here(settings.zmq_control_addr):
            logger.info(
                "All users of this machine can connect; a key or an ipc:// address keeps them out"
            )
        logger.info("ZeroMQ server is waiting on %s", settings.zmq_control_addr)
        if self._publisher is not None:
            logger.info("Console output and status are published on %s", settings.zmq_info_addr)

    async def start(self, *, is_restart: bool) -> None:
        """Answer requests, and bring the manager up."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.manager.core.store.bind(self.manager.core.snapshot)
        self.manager.core.store.on_availability(self._store_changed)
        hold_text_s = 0.0 if self._publisher is None else CONNECTING_S
        self.streams.start(self._status, hold_text_s=hold_text_s)
        self._server.start()
        await self._attach_driver()
        await self.manager.recovery.start(is_restart=is_restart)
        logger.info("Queue and history are kept in %s", store_place(self.settings))
        logger.info("RE Manager is ready")

    async def _attach_driver(self) -> None:
        # jupyter_client is most of the imports of a manager; the first status is answered
        # before it is loaded.
        await asyncio.sleep(0)
        self.manager.core.attach(self._make_driver(self.manager.worker_events))

    def _jupyter_driver(self, listener: KernelListener) -> KernelDriver:
        from qs_jupyter.kernel.jupyter import JupyterDriver  # noqa: PLC0415

        runtime = RuntimeFolder.of(self.settings)
        runtime.sweep()
        return JupyterDriver(
            self.settings, runtime, listener, worker_name=worker_name(self.settings)
        )

    def _status(self) -> Mapping[str, Any]:
        return self.manager.core.status_board.status()

    def _store_changed(self, available: bool) -> None:
        if available:
            logger.info("The store is available again")
        else:
            logger.error("The store is not available: %s", self.store.reason)
        self.manager.core.changed()

    async def end(self, *, with_worker: bool) -> None:
        """End the worker or leave it, write what is left, and close everything."""
        manager = self.manager
        # From the last line to the first, and each also when one before it has failed.
        async with AsyncExitStack() as steps:
            steps.callback(self._context.term)
            steps.callback(self._stop_logging)
            if self._publisher is not None:
                steps.callback(self._publisher.close)
            steps.callback(self.streams.close)
            steps.push_async_callback(self.store.close)
            steps.callback(self._server.close)
            steps.push_async_callback(manager.core.cancel_background)
            steps.callback(manager.document_feed.close)
            if with_worker:
                await manager.ending.end_worker()
            else:
                await manager.core.driver.detach()

    def abandon(self) -> None:
        """Write the log lines so far; what is logged from now on goes to stderr.

        For an end without `end`: the event loop stops before the streams write another line.
        """
        self.streams.close()
        self._stop_logging()

    def _stop_logging(self) -> None:
        logging.getLogger().removeHandler(self._log_handler)


def worker_name(settings: Settings) -> str:
    """Return the name under which the worker of this store is found again."""
    if settings.uses_redis:
        store = f"redis {settings.redis_addr or ''} {settings.redis_name_prefix or ''}"
    else:
        store = str(Path(settings.store).absolute()) if settings.store else "default"
    return hashlib.sha256(store.encode()).hexdigest()[:10]


async def run_manager(settings: Settings, link: LauncherLink) -> int:
    """Run a manager until it is told to end; return the exit code."""
    allow_many_connections()
    application = Application(settings)
    try:
        return await _run_until_told(application, link)
    except BaseException:
        application.abandon()
        raise


async def _run_until_told(application: Application, link: LauncherLink) -> int:
    application.bind()
    await application.start(is_restart=link.is_restart)
    # What was made so far stays to the end: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    link.ready()
    asked = asyncio.create_task(link.stop_requested(), name="stop requested")
    stopped = asyncio.create_task(application.manager.core.stopped.wait(), name="manager stop")
    await asyncio.wait([asked, stopped], return_when=asyncio.FIRST_COMPLETED)
    reason = asked.result() if asked.done() else None
    logger.info("RE Manager is stopping ...")
    for task in (asked, stopped):
        task.cancel()
    await application.end(with_worker=reason is not StopReason.LAUNCHER_GONE)
    return 1 if reason is StopReason.TERMINATE else 0
