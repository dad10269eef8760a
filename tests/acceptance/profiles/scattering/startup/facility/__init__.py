"""What a facility's package does for all of its beamlines, without its network."""

from collections import UserDict

from bluesky import RunEngine
from bluesky.callbacks import LiveTable
from bluesky.preprocessors import SupplementalData
from bluesky.utils import ProgressBarManager

from .catalog import Catalog


def configure_base(user_ns, name, *, publish_documents_to_kafka=True, redis_url=None):
    """Put engine, callbacks, catalogue and the usual modules into the namespace."""
    import bluesky.plan_stubs as bps
    import bluesky.plans as bp
    import bluesky.preprocessors as bpp

    assert not publish_documents_to_kafka
    assert redis_url is None
    # Like the metadata in Redis, which is no dictionary either.
    engine = RunEngine(UserDict(facility="sim", versions=UserDict()))
    db = Catalog(name)
    engine.subscribe(db.insert)
    engine.subscribe(_tables())
    engine.waiting_hook = ProgressBarManager()
    sd = SupplementalData()
    engine.preprocessors.append(sd)
    configured = {
        **{"RE": engine, "db": db, "catalog": db, "sd": sd},
        **{"bps": bps, "bp": bp, "bpp": bpp},
    }
    user_ns.update(configured)
    return configured


def _tables():
    """Print tables; where matplotlib is installed, by the best-effort callback."""
    try:
        from bluesky.callbacks.best_effort import BestEffortCallback
    except ImportError:
        return LiveTable(["diode_current"])
    callback = BestEffortCallback()
    callback.disable_plots()
    return callback
