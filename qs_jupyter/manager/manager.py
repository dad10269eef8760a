"""The manager: the core and the parts that are built on it, joined.

This is the only room that knows all parts. Each part is given the core and those parts that
it asks something of, in this order, so nothing here runs in a circle. Methods of the API reach
a part through here.
"""

from __future__ import annotations

from qs_jupyter.manager.core import Core
from qs_jupyter.manager.document_feed import DocumentFeed
from qs_jupyter.manager.effects import Effects
from qs_jupyter.manager.ending import Ending
from qs_jupyter.manager.environment import EnvironmentLife
from qs_jupyter.manager.execution import Submissions
from qs_jupyter.manager.lists import Lists
from qs_jupyter.manager.locking import Locking
from qs_jupyter.manager.permissions import PermissionsKeeper
from qs_jupyter.manager.pulse import Pulse
from qs_jupyter.manager.queue_edits import QueueEdits
from qs_jupyter.manager.recovery import Recovery
from qs_jupyter.manager.runs import Runs
from qs_jupyter.manager.streams import Streams
from qs_jupyter.manager.task_runs import TaskRuns
from qs_jupyter.manager.whereabouts import Whereabouts
from qs_jupyter.manager.worker_events import WorkerEvents
from qs_jupyter.settings import Settings
from qs_jupyter.store.store import Store


class Manager:
    """The queue server without its sockets."""

    def __init__(self, settings: Settings, store: Store, streams: Streams) -> None:
        core = Core(settings, store, streams)
        self.core = core
        self.lists = Lists(core)
        self.permissions = PermissionsKeeper(core, self.lists)
        self.locking = Locking(core)
        self.queue_edits = QueueEdits(core, self.lists)
        self.whereabouts = Whereabouts(core)
        self.submissions = Submissions(core, self.lists)
        self.runs = Runs(core, self.queue_edits, self.submissions)
        self.task_runs = TaskRuns(core, self.lists, self.submissions)
        self.document_feed = DocumentFeed(core)
        self.environment_life = EnvironmentLife(core, self.lists, self.document_feed)
        self.worker_events = WorkerEvents(
            core, self.lists, self.environment_life, self.document_feed
        )
        self.recovery = Recovery(
            core,
            self.lists,
            self.permissions,
            self.submissions,
            self.environment_life,
            self.worker_events,
        )
        self.pulse = Pulse(core)
        self.ending = Ending(core)
        core.carry_out_by(Effects(core, self.environment_life, self.submissions).carry_out)
        core.watch(self.pulse.follow)
