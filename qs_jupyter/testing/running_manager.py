"""A manager in this process, on free ports, with a store in memory."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

from qs_jupyter.app import Application
from qs_jupyter.lists_file import read_lists
from qs_jupyter.manager.manager import Manager
from qs_jupyter.profiles import sim_profile
from qs_jupyter.settings import Settings
from qs_jupyter.testing.fake_kernel import FakeKernel
from qs_jupyter.wire.codec import codec

LIMIT_S = 20.0


class _Errors(logging.Handler):
    """Keeps log records with a traceback: errors that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


Status = Mapping[str, Any]


def simulated_kernel(**options: Any) -> FakeKernel:
    """Return a fake kernel that offers the plans and devices of the simulated profile."""
    plans, devices = read_lists(sim_profile() / "existing_plans_and_devices.yaml")
    return FakeKernel(plans, devices, **options)


def quiet_settings(**changes: Any) -> Settings:
    """Return settings of a manager that disturbs nobody: free ports, nothing on disk."""
    profile = sim_profile()
    settings = Settings(
        zmq_control_addr="tcp://127.0.0.1:*",
        zmq_info_addr="tcp://127.0.0.1:*",
        store=":memory:",
        startup_dir=str(profile),
        existing_plans_and_devices_path=str(profile / "existing_plans_and_devices.yaml"),
        user_group_permissions_path=str(profile / "user_group_permissions.yaml"),
        update_existing_plans_devices="NEVER",
        print_console_output=False,
        console_logging_level=logging.WARNING,
    )
    return replace(settings, **changes)


class RunningManager:
    """An async context manager around a whole application with a `FakeKernel`.

    At the end it raises when the manager has logged an error with a traceback. ``seen`` lists
    every status since the start, as a subscriber would have got them. With ``is_restart`` the
    manager takes itself for one that follows a crashed one.
    """

    def __init__(
        self,
        kernel: FakeKernel | None = None,
        *,
        settings: Settings | None = None,
        is_restart: bool = False,
    ) -> None:
        self.kernel = kernel or simulated_kernel()
        self.settings = settings or quiet_settings()
        self.seen: list[Status] = []
        self._is_restart = is_restart
        self._codec = codec(self.settings.zmq_encoding)
        self._application: Application | None = None
        self._watch: asyncio.Task[None] | None = None
        self._errors = _Errors()
        self._before: tuple[int, float] | None = None

    async def __aenter__(self) -> Self:
        self._before = logging.getLogger().level, sys.getswitchinterval()
        logging.getLogger().addHandler(self._errors)
        self._application = Application(self.settings, driver=self.kernel.attach)
        self._application.bind()
        await self._application.start(is_restart=self._is_restart)
        self._watch = asyncio.create_task(self._watch_status(), name="watch status")
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.end()

    async def end(self, *, with_worker: bool = True) -> None:
        """End the manager, and the worker with it or not; harmless when done before."""
        application, self._application = self._application, None
        if application is None:
            return
        if self._watch is not None:
            self._watch.cancel()
        self.kernel.may_start.set()
        self.kernel.may_end.set()
        await application.end(with_worker=with_worker)
        if self._before is not None:
            level, interval = self._before
            logging.getLogger().setLevel(level)
            sys.setswitchinterval(interval)
        logging.getLogger().removeHandler(self._errors)
        if self._errors.found:
            raise AssertionError("\n".join(["internal errors:", *self._errors.found]))

    # --------------------------------------------------------------------------- talking

    @property
    def application(self) -> Application:
        """The application with its sockets."""
        assert self._application is not None, "the manager is not running"
        return self._application

    @property
    def manager(self) -> Manager:
        """The manager itself."""
        return self.application.manager

    async def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Send a request past the socket; the reply has been encoded and decoded."""
        async with asyncio.timeout(LIMIT_S):
            reply = await self.application.dispatcher.call(method, **params)
        decoded: dict[str, Any] = self._codec.decode(self._codec.encode(reply))
        return decoded

    def status(self) -> dict[str, Any]:
        """Return the status of the moment, as clients read it."""
        status: dict[str, Any] = json.loads(json.dumps(self.manager.core.status_board.status()))
        return status

    async def until(self, condition: Callable[[Status], Any] | None = None, **facts: Any) -> Status:
        """Wait until the status fits: a condition, or fields with these values."""
        board = self.manager.core.status_board

        def fits(status: Status) -> bool:
            if condition is not None and not condition(status):
                return False
            return all(status[name] == value for name, value in facts.items())

        try:
            async with asyncio.timeout(LIMIT_S):
                while not fits(status := self.status()):
                    await board.next_change()
        except TimeoutError:
            raise AssertionError(f"the status never fitted {facts}: {self.status()}") from None
        # Those who follow the status have it by now, too.
        await asyncio.sleep(0)
        return status

    async def idle(self) -> Status:
        """Wait until the manager is idle."""
        return await self.until(manager_state="idle")

    async def open(self) -> None:
        """Open the environment."""
        reply = await self.call("environment_open")
        assert reply["success"], reply
        await self.until(manager_state="idle", worker_environment_exists=True)

    def values(self, *names: str) -> list[Any]:
        """Return the values that fields of the status had one after another."""
        if len(names) == 1:
            rows: list[Any] = [status[names[0]] for status in self.seen]
        else:
            rows = [tuple(status[name] for name in names) for status in self.seen]
        return [row for row, before in zip(rows, [None, *rows], strict=False) if row != before]

    async def _watch_status(self) -> None:
        board = self.manager.core.status_board
        while True:
            self.seen.append(self.status())
            await board.next_change()
