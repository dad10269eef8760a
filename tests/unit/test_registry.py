"""Marks of the worker, and the names other installations import."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

import qs_kernel_worker
from qs_kernel_worker import peer_shim, registry


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in (registry.WORKER_ACTIVE_VARIABLE, registry.IPYTHON_VARIABLE):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    yield
    registry.clear_registered_items()
    registry.global_user_namespace.set_user_namespace(user_ns={})
    peer_shim.remove()


def forget(name: str) -> None:
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def test_the_worker_is_known_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not registry.is_re_worker_active()
    for value in ("", "n", "No", "f", "FALSE", "off", "0"):
        monkeypatch.setenv(registry.WORKER_ACTIVE_VARIABLE, value)
        assert not registry.is_re_worker_active()
    registry.set_re_worker_active()
    assert registry.is_re_worker_active()
    registry.clear_re_worker_active()
    assert not registry.is_re_worker_active()


def test_ipython_mode_is_told_in_the_worker_and_found_out_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Tests of the magics may have left a shell in this process.
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    registry.set_ipython_mode(True)
    assert not registry.is_ipython_mode()
    registry.set_re_worker_active()
    assert registry.is_ipython_mode()
    registry.set_ipython_mode(False)
    assert not registry.is_ipython_mode()
    registry.clear_ipython_mode()
    assert not registry.is_ipython_mode()


def test_importing_the_package_loads_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import qs_kernel_worker; "
        "new = set(sys.modules) - before; "
        "assert new <= {'qs_kernel_worker', 'typing', 'collections.abc'} "
        "or not any(n.startswith('qs_kernel_worker.') for n in new), new; "
        "from qs_kernel_worker import register_device, parameter_annotation_decorator; "
        "heavy = {'bluesky', 'ophyd', 'numpy', 'IPython'} & set(sys.modules); assert not heavy"
    )
    folder = str(Path(qs_kernel_worker.__file__).parent.parent)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder, timeout=30)


def test_every_offered_name_exists() -> None:
    for name in qs_kernel_worker.__all__:
        assert getattr(qs_kernel_worker, name) is not None
    with pytest.raises(AttributeError, match="nosuch"):
        _ = qs_kernel_worker.nosuch  # type: ignore[attr-defined]


def test_the_shim_offers_names_only_while_it_is_installed() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("bluesky_queueserver")
    peer_shim.install()
    root = importlib.import_module("bluesky_queueserver")
    tools = importlib.import_module("bluesky_queueserver.manager.profile_tools")
    assert root.register_device is registry.register_device
    assert tools.global_user_namespace is registry.global_user_namespace
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("bluesky_queueserver.manager.nosuch")
    peer_shim.remove()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("bluesky_queueserver")


def test_an_installed_package_is_used_and_its_registry_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = tmp_path / "bluesky_queueserver" / "manager"
    manager.mkdir(parents=True)
    (manager.parent / "__init__.py").write_text("installed = True")
    (manager / "__init__.py").write_text("")
    (manager / "profile_ops.py").write_text(
        "class reg_ns_items:\n"
        "    reg_devices = {'det1': {'obj': None, 'depth': 3, 'exclude': False}}\n"
        "    reg_plans = {'count': {'obj': None, 'exclude': True}}\n"
    )
    (manager / "profile_tools.py").write_text(
        "from qs_kernel_worker.registry import UserNamespace\n"
        "global_user_namespace = UserNamespace()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    peer_shim.install()
    try:
        registry.register_device("det2")
        root = importlib.import_module("bluesky_queueserver")
        assert root.installed
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("bluesky_queueserver.manager.annotation_decorator")
        importlib.import_module("bluesky_queueserver.manager.profile_ops")
        # The first startup file may import the package and use the namespace at once.
        early: dict[str, Any] = {"RE": None}
        registry.global_user_namespace.set_user_namespace(user_ns=early, use_ipython=False)
        tools = importlib.import_module("bluesky_queueserver.manager.profile_tools")
        assert tools.global_user_namespace.user_ns is early
        assert isinstance(tools.__spec__.loader, SourceFileLoader)
        assert peer_shim.registrations() == (
            {"det2": registry.RegisteredDevice(1), "det1": registry.RegisteredDevice(3)},
            {"count": registry.RegisteredPlan(exclude=True)},
        )
        user_ns = {"a": 1}
        peer_shim.publish_namespace(user_ns, use_ipython=True)
        assert tools.global_user_namespace.user_ns is user_ns
        peer_shim.remove()
        assert "bluesky_queueserver" in sys.modules
    finally:
        forget("bluesky_queueserver")
