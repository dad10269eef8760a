print(f"Loading file {__file__!r}")

from bluesky import RunEngine
from bluesky.utils import ProgressBar
from event_model import RunRouter

from qs_kernel_worker import is_ipython_mode
from qs_kernel_worker.best_effort import best_effort_callback

try:
    import matplotlib
except ModuleNotFoundError:
    # Tables need no matplotlib, and a worker without a screen shows no plots.
    matplotlib = None

# True when plots can be shown: startup files run in IPython, with a Qt backend.
ipython_matplotlib = bool(
    is_ipython_mode() and matplotlib and matplotlib.get_backend().lower().startswith("qt")
)

RE = RunEngine({"metadata_key": "metadata_value"})

bec = best_effort_callback(plots=ipython_matplotlib)
BestEffortCallback = type(bec)

_open_runs = set()


def _tables_of_run(name, start):
    """Choose who prints the tables of a run: ``bec``, or another while ``bec`` is busy."""
    callback = best_effort_callback(plots=False) if _open_runs else bec
    _open_runs.add(start["uid"])

    def close(name, doc):
        if name == "stop":
            _open_runs.discard(start["uid"])

    return [callback, close], []


RE.subscribe(RunRouter([_tables_of_run]))
