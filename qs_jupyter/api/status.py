"""Is the manager there, and what does it do?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager


@method(ignores_unknown=True, quiet=True, phrases=("ping",))
def ping(manager: Manager) -> Mapping[str, Any]:
    """Return the status; tells that the manager answers."""
    return manager.core.status_board.status()


@method(ignores_unknown=True, quiet=True, phrases=("status",))
def status(manager: Manager) -> Mapping[str, Any]:
    """Return the status of manager, environment and queue.

    ``worker_responsive`` is false while the worker is alive but does not answer: its Python is
    blocked, or the process was stopped. ``worker_memory`` is what it occupies, in bytes, to the
    nearest tenth or 32 MB. ``store_available`` is false while nothing can be
    stored. ``environment_report`` tells what became of the latest opening.
    """
    return manager.core.status_board.status()


@method(refused="", reply={"config": {}}, phrases=("config",))
def config_get(manager: Manager) -> Mapping[str, Any]:
    """Return how to reach the worker kernel.

    ``ip_connect_info`` is a Jupyter connection information, empty without a worker. In the
    security profile ``secure`` it carries the path of the connection file and no key.
    """
    driver = manager.core.driver
    info: dict[str, Any] = {}
    if manager.core.settings.use_ipython_kernel and manager.core.model.environment.exists:
        info = dict(driver.connection_info())
        if manager.core.settings.security == "secure":
            info.pop("key", None)
            info.pop("curve_secretkey", None)
    config: dict[str, Any] = {"ip_connect_info": info}
    if info:
        config["ip_connection_file"] = driver.connection_file()
    return {"config": config}
