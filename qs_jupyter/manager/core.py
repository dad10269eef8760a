"""The single writer: one event at a time; keeps the model, carries out commands.

Everything runs on one event loop. An edit or an event changes the state in memory at once
and is recorded for the store; all that one turn recorded leaves as one transaction. Replies
that promise durability wait for it, and so do jobs for the worker. Nothing in memory is
taken back: a store that is away gets the whole state when it returns.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from qs_jupyter.errors import Refusal, StoreFailure
from qs_jupyter.kernel.driver import KernelDriver
from qs_jupyter.manager.status import StatusBoard
from qs_jupyter.manager.streams import Streams
from qs_jupyter.model import changes, machine, starting
from qs_jupyter.model.commands import Command
from qs_jupyter.model.events import Event, StartRequested
from qs_jupyter.model.history import History
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock, Scope
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.model.state import Model, Phase
from qs_jupyter.model.tasks import Tasks
from qs_jupyter.settings import Settings
from qs_jupyter.store.store import Store, StoredState

logger = logging.getLogger(__name__)

KEPT_EVENTS = 300

CarryOut = Callable[[Command], None]


class Core:
    """State of the queue server, and the one way in which it changes.

    It knows none of the parts that are built on it: what the commands of the machine do is
    told to it (`carry_out_by`), and whoever must see each new model asks for it (`watch`).
    """

    def __init__(self, settings: Settings, store: Store, streams: Streams) -> None:
        self.settings = settings
        self.store = store
        self.streams = streams
        self.events = streams.events
        self.model = Model()
        self.queue = Queue()
        self.history = History()
        self.lock = Lock(uid=self.new_uid())
        self.tasks = Tasks()
        self.stored_permissions: Mapping[str, Any] | None = None
        self.running_item: Item | None = None
        self.run_list: list[dict[str, Any]] = []
        self.opening_report: dict[str, Any] | None = None
        self.status_board = StatusBoard(self)
        self.stopped = asyncio.Event()
        self._driver: KernelDriver | None = None
        self._carry_out: CarryOut | None = None
        self._watchers: list[Callable[[Model], None]] = []
        self._attempt = 0
        self._follow_ups: deque[Event] = deque()
        self._recorded: list[changes.Change] = []
        self._after_commit: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._last_write: asyncio.Future[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._story: deque[str] = deque(maxlen=KEPT_EVENTS)
        self._ready = asyncio.Event()
        # After a refusal for a busy kernel autostart waits for news of the worker.
        self._autostart_held = False

    # ----------------------------------------------------------------- parts and small facts

    @property
    def driver(self) -> KernelDriver:
        """The driver of the worker kernel."""
        assert self._driver is not None, "the manager was built without a driver"
        return self._driver

    def attach(self, driver: KernelDriver) -> None:
        """Take the driver; it needs the manager as its listener, so it comes second."""
        self._driver = driver

    def carry_out_by(self, carry_out: CarryOut) -> None:
        """Say what is done with the commands of the machine."""
        self._carry_out = carry_out

    def watch(self, watcher: Callable[[Model], None]) -> None:
        """Have something called with the model after each event."""
        self._watchers.append(watcher)

    @property
    def uids(self) -> dict[str, str]:
        """The UIDs by which clients notice changes."""
        return self.status_board.uids

    @property
    def is_ready(self) -> bool:
        """Whether the start is over."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Return once the start is over."""
        await self._ready.wait()

    def set_ready(self) -> None:
        """End the start."""
        self._ready.set()

    def now(self) -> float:
        """Return the time as Unix seconds."""
        return time.time()

    def new_uid(self) -> str:
        """Return a fresh UUID."""
        return str(uuid.uuid4())

    @property
    def attempt(self) -> int:
        """The number under which the running item was handed to a worker."""
        return self._attempt

    def next_attempt(self) -> int:
        """Return a number that no earlier job of the item has had."""
        self._attempt += 1
        return self._attempt

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something beside the manager; errors are logged, the task is kept."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Internal error in '%s'", task.get_name(), exc_info=error)

    async def cancel_background(self) -> None:
        """Cancel what still runs beside the manager."""
        tasks = [task for task in self._background if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------- events and the model

    def handle(self, event: Event) -> asyncio.Future[None] | None:
        """Let an event happen, with all that follows from it.

        Returns the future of the store's transaction, None when nothing was recorded.

        Raises
        ------
        Refusal
            The event is a request that is not possible now; nothing has changed.
        """
        self._process(event)
        return self.settle()

    def follow(self, event: Event) -> None:
        """Let an event happen right after the present one."""
        self._follow_ups.append(event)

    def settle(self) -> asyncio.Future[None] | None:
        """Carry on until nothing follows any more, then commit what was recorded."""
        self._carry_on()
        if self._may_autostart():
            self.follow(StartRequested(automatic=True))
            self._carry_on()
        return self._commit()

    def _carry_on(self) -> None:
        while self._follow_ups:
            event = self._follow_ups.popleft()
            try:
                self._process(event)
            except Refusal as refusal:
                logger.warning("%s", refusal)

    def _process(self, event: Event) -> None:
        before = self.model
        after, commands = machine.decide(before, event)
        self.model = after
        self._story.append(f"{type(event).__name__}: {before.phase} -> {after.phase}")
        self._record_flags(before, after)
        for command in commands:
            assert self._carry_out is not None, "nobody carries out commands"
            self._carry_out(command)
        for watcher in self._watchers:
            watcher(self.model)
        self.changed()

    def update_environment(self, **facts: Any) -> None:
        """Take over facts that the worker told of itself."""
        environment = replace(self.model.environment, **facts)
        if environment != self.model.environment:
            self.model = replace(self.model, environment=environment)
            self.changed()

    def set_mode(self, mode: QueueMode) -> None:
        """Use another queue mode from now on."""
        before, self.model = self.model, replace(self.model, mode=mode)
        self._record_flags(before, self.model)
        self.changed()

    def set_job(self, job_uid: str) -> None:
        """Note the job that now stands for the running plan."""
        if self.model.running is not None:
            running = replace(self.model.running, job_uid=job_uid)
            self.model = replace(self.model, running=running)

    def story(self) -> list[str]:
        """Return the latest events, for log lines about failures."""
        return list(self._story)

    def hold_autostart(self, held: bool) -> None:
        """Keep autostart waiting, or let it look again."""
        self._autostart_held = held

    def _may_autostart(self) -> bool:
        return (
            self.model.autostart
            and not self._autostart_held
            and self.model.phase is Phase.IDLE
            and len(self.queue) > 0
            and self.store.available
            and starting.may_start(self.model)
        )

    # -------------------------------------------------------------------------- durability

    def record(self, change: changes.Change | None) -> None:
        """Note a change for the transaction of this turn; None stands for no change."""
        if change is not None:
            self._recorded.append(change)
            self.events.add_change(change, self.now())

    def after_commit(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start something as soon as all that was recorded is durable."""
        self._after_commit.append(work)

    async def commit(self) -> None:
        """Return when everything recorded so far is durable.

        Raises
        ------
        StoreFailure
            The store went away meanwhile; the change stands and is written when it returns.
        """
        future = self.settle()
        if future is not None:
            await asyncio.shield(future)
        elif self._last_write is not None and not self._last_write.done():
            # What is to be safe was recorded by an event, and left with it.
            await asyncio.shield(self._last_write)

    def check_store(self) -> None:
        """Refuse an edit while the store is away, before anything has changed."""
        if not self.store.available:
            raise StoreFailure(
                f"Nothing can be changed at present: {self.store.reason} "
                "Running plans go on; try again when the store is back."
            )

    def check_nothing_is_unsaved(self) -> None:
        """Refuse to end a worker in order while it alone could tell again what has happened."""
        write = self._last_write
        is_safe = write is None or (
            write.done() and not write.cancelled() and write.exception() is None
        )
        if not is_safe and not self.store.available:
            raise StoreFailure(
                f"The outcome of a plan is not stored yet: {self.store.reason} The worker keeps "
                "it. Close the environment when the store is back, or destroy it now."
            )

    async def durable(self) -> None:
        """Wait until all that was written is safe, however long the store is away.

        Raises
        ------
        StoreFailure
            It never will be.
        """
        await self.store.settled()

    @property
    def last_write(self) -> asyncio.Future[None] | None:
        """The future of the latest transaction."""
        return self._last_write

    def _commit(self) -> asyncio.Future[None] | None:
        future = None
        if self._recorded:
            recorded, self._recorded = self._recorded, []
            future = self.store.write(*recorded)
            # Whoever needs the outcome waits for it; nobody needs to.
            future.add_done_callback(_retrieve)
            self._last_write = future
        works, self._after_commit = self._after_commit, []
        for work in works:
            self.spawn(self._when_durable(work), "submit")
        return future

    async def _when_durable(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await self.durable()
        except StoreFailure as failure:
            logger.error("Nothing is handed to the worker any more: %s", failure)  # noqa: TRY400
            return
        await work()

    def _record_flags(self, before: Model, after: Model) -> None:
        if before.autostart != after.autostart:
            self.record(changes.AutostartSet(after.autostart))
        if before.stop_pending != after.stop_pending:
            self.record(changes.StopPendingSet(after.stop_pending))
        if before.mode != after.mode:
            self.record(changes.ModeSet(after.mode))

    # ------------------------------------------------------------------------ what is seen

    def changed(self) -> None:
        """Note that the status differs from now on."""
        self.status_board.invalidate()
        self.streams.status_changed()

    def renew(self, *names: str) -> None:
        """Give new values to UIDs of the status."""
        for name in names:
            self.uids[name] = self.new_uid()
        self.changed()

    # -------------------------------------------------------------------------- the store

    def restore(self, state: StoredState, *, is_restart: bool) -> None:
        """Take over what the store holds."""
        for repair in state.repairs:
            logger.warning("%s", repair)
        self.queue = Queue(state.queue)
        self.history = History(state.history)
        if state.lock is not None:
            self.lock = state.lock
        self._attempt = state.attempt
        self.running_item = state.running
        takes_over = is_restart or state.running is not None
        self.model = replace(
            self.model,
            mode=state.mode,
            autostart=state.autostart and is_restart,
            stop_pending=state.stop_pending and takes_over,
        )
        # A new start writes both anew, so that other managers find the keys they know.
        if not is_restart or state.autostart != self.model.autostart:
            self.record(changes.AutostartSet(self.model.autostart))
        if not is_restart or state.stop_pending != self.model.stop_pending:
            self.record(changes.StopPendingSet(self.model.stop_pending))

    def snapshot(self) -> StoredState:
        """Return all that the store must hold."""
        # A change that is in memory but not yet handed over would be written twice.
        self._commit()
        model = self.model
        return StoredState(
            queue=self.queue.entries,
            running=self.running_item,
            attempt=self._attempt if self.running_item else 0,
            history=self.history.entries,
            mode=model.mode,
            autostart=model.autostart,
            stop_pending=model.stop_pending,
            lock=self.lock,
            permissions=self.stored_permissions,
        )

    # ------------------------------------------------------------------------------ locks

    def check_lock(self, scope: Scope, key: str | None) -> None:
        """Refuse a request whose scope is locked with another key."""
        is_set = self.settings.emergency_lock_key is not None
        self.lock.check(key, scope, emergency_key_is_set=is_set)


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
