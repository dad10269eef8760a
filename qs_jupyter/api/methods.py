"""The rooms of methods; importing this fills the table."""

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
