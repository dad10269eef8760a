"""What others could reach or change is refused, or told in one sentence with the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qs_jupyter import exposure
from qs_jupyter.configuration import configure
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.settings import Settings

KEY = "Ue=.po0aQ9.}<Xvrny+f{V04XMc6JZ9ufKf5aeFy"
HERE = "tcp://127.0.0.1:60615"
PATH = "ipc:///run/user/1000/qs/control"


def addresses(control: str, info: str = "", **more: str) -> list[str]:
    return exposure.check_addresses(
        Settings(zmq_control_addr=control, zmq_info_addr=info or control, **more)
    )


@pytest.mark.parametrize(
    ("address", "is_open"),
    [(HERE, True), ("ipc://@abstract", True), (PATH, False), ("tcp://[::1]:60615", True)],
)
def test_only_a_path_keeps_other_users_of_the_machine_out(address: str, is_open: bool) -> None:
    assert exposure.is_open_here(address) is is_open


def test_the_secure_profile_says_nothing_about_this_machine() -> None:
    assert addresses(HERE) == addresses(PATH) == []
    with pytest.raises(ConfigurationError, match="can be reached from other machines"):
        addresses(HERE, "tcp://0.0.0.0:60625")


@pytest.mark.parametrize(
    ("control", "info", "who"),
    [
        ("tcp://*:60615", HERE, r"everybody who can reach tcp://\*:60615 can run code"),
        (HERE, HERE, "every user of this machine can run code as this user by tcp://127.0.0.1"),
        (PATH, HERE, "every user of this machine can run code as this user by tcp://127.0.0.1"),
    ],
)
def test_the_compatible_profile_warns_once_of_the_widest_opening(
    control: str, info: str, who: str
) -> None:
    (warning,) = addresses(control, info, security="compat")
    assert re.search(f"^SECURITY: {who}", warning)
    assert "--security compat" in warning


def test_neither_a_key_nor_a_path_is_worth_a_warning() -> None:
    assert addresses("tcp://*:60615", security="compat", zmq_private_key=KEY) == []
    assert addresses(PATH, security="compat") == []


# ------------------------------------------------------------------------------------- files


@pytest.fixture
def startup(tmp_path: Path) -> Path:
    """A startup folder that only its owner can change, at a path of which that is true, too."""
    folder = tmp_path / "startup"
    folder.mkdir(mode=0o755)
    (folder / "00-a.py").write_text("")
    (folder / "user_group_permissions.yaml").write_text("")
    (folder / "notes.txt").write_text("")
    return folder


def told(folder: Path, *arguments: str) -> list[str]:
    found = configure(["--startup-dir", str(folder), *arguments], {})
    return [warning for warning in found.warnings if "SECURITY" in warning]


def test_files_that_only_the_owner_and_the_group_can_change_are_fine(startup: Path) -> None:
    (startup / "00-a.py").chmod(0o664)
    startup.chmod(0o775)
    (startup / "notes.txt").chmod(0o666)
    assert told(startup) == []


@pytest.mark.parametrize(
    ("name", "mode"),
    [("", 0o777), ("..", 0o777), ("00-a.py", 0o666), ("user_group_permissions.yaml", 0o646)],
)
def test_what_everybody_can_change_is_told_with_the_remedy(
    startup: Path, name: str, mode: int
) -> None:
    open_place = (startup / name).resolve()
    open_place.chmod(mode)
    (warning,) = told(startup)
    assert warning.startswith(f"SECURITY: everybody on this machine can change '{open_place}'")
    assert f"chmod o-w '{open_place}'" in warning


def test_in_a_sticky_folder_everybody_can_only_change_their_own(startup: Path) -> None:
    startup.parent.chmod(0o1777)
    assert told(startup) == []


def test_a_link_is_judged_by_what_it_leads_to(startup: Path, tmp_path: Path) -> None:
    code = tmp_path / "elsewhere.py"
    code.write_text("")
    code.chmod(0o666)
    (startup / "10-link.py").symlink_to(code)
    (startup / "20-gone.py").symlink_to(tmp_path / "gone.py")
    (warning,) = told(startup)
    assert str(code) in warning


def test_scripts_and_profiles_are_looked_at_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "profile_beamline" / "startup"
    folder.mkdir(parents=True)
    script = tmp_path / "script.py"
    script.write_text("")
    script.chmod(0o666)
    folder.chmod(0o777)
    found = configure(
        [
            *("--ipython-dir", str(tmp_path), "--startup-profile", "beamline"),
            *("--startup-script", str(script)),
        ],
        {},
    )
    assert [str(folder) in w or str(script) in w for w in found.warnings] == [True, True]


def test_many_open_files_make_few_warnings(startup: Path) -> None:
    for n in range(20):
        (startup / f"{n}.py").write_text("")
        (startup / f"{n}.py").chmod(0o666)
    assert len(told(startup)) == 3


@pytest.mark.parametrize(
    ("mode", "text", "is_told"),
    [
        (0o644, f"network: {{zmq_private_key: '{KEY}'}}", True),
        (0o640, "operation: {emergency_lock_key: fire}", True),
        (0o644, "network: {redis_addr: 'redis://:secret@localhost'}", True),
        (0o644, "network: {redis_addr: localhost}", False),
        (0o600, "operation: {emergency_lock_key: fire}", False),
    ],
)
def test_a_config_file_with_secrets_is_for_its_owner_only(
    tmp_path: Path, mode: int, text: str, is_told: bool
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    config.chmod(mode)
    warnings = [w for w in configure(["--config", str(config)], {}).warnings if "SECURITY" in w]
    assert len(warnings) == is_told
    for warning in warnings:
        assert f"chmod 600 '{config}'" in warning
        assert not any(secret in warning for secret in (KEY, "fire", "secret@"))
