"""The session: engine, callbacks, metadata; all by the facility's package."""

import logging
import os
import sys
from pathlib import Path

import facility
import numpy as np
from bluesky.plan_stubs import *  # noqa: F403
from bluesky.plans import *  # noqa: F403
from IPython import get_ipython

logging.getLogger("facility").setLevel(logging.WARNING)
os.environ.setdefault("BEAMLINE_ACRONYM", "SCAT")

facility.configure_base(get_ipython().user_ns, "scat", publish_documents_to_kafka=False)

RE.md["beamline_id"] = os.environ["BEAMLINE_ACRONYM"]
RE.md["versions"]["numpy"] = np.__version__

PROFILE_ROOT = Path(__file__).resolve().parent
sys.path.append(str(PROFILE_ROOT))
