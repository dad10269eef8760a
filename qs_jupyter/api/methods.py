"""All methods of the API: the rooms of methods declare them as they are imported here."""

from __future__ import annotations

import qs_jupyter.api.environment
import qs_jupyter.api.events
import qs_jupyter.api.history
import qs_jupyter.api.items
import qs_jupyter.api.lock
import qs_jupyter.api.manager
import qs_jupyter.api.permissions
import qs_jupyter.api.plans
import qs_jupyter.api.queue
import qs_jupyter.api.run_engine
import qs_jupyter.api.status
import qs_jupyter.api.tasks  # noqa: F401
from qs_jupyter.api.table import TABLE, Method

METHODS: dict[str, Method] = TABLE
