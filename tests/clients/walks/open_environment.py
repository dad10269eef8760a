"""Opens the environment unless it is open, and waits until nothing runs."""

from __future__ import annotations

import os

from bluesky_queueserver_api.zmq import REManagerAPI
from walking import OPEN_LIMIT_S

api = REManagerAPI(zmq_encoding=os.environ.get("QSERVER_ZMQ_ENCODING"))
api.wait_for_idle(timeout=OPEN_LIMIT_S)
if not api.status()["worker_environment_exists"]:
    api.environment_open()
    api.wait_for_idle(timeout=OPEN_LIMIT_S)
assert api.status()["worker_environment_exists"]
api.close()
