"""Every option once: type, default, environment variable, flag, config key, help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any, TypeVar

from qs_jupyter import setting_kinds as kinds
from qs_jupyter.setting_kinds import Kind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting can be given, beside its default.

    ``env`` names environment variables and ``flags`` command line flags, the first of each
    being the present name and the others older ones that still work with a warning. ``key``
    is ``section/key`` of the config file. Flags with the same ``group`` exclude each other.
    ``switches`` are flags without a value: which value each stands for, and what it does. The
    value of a ``secret`` option is never shown.
    """

    kind: Kind
    help: str
    key: str
    env: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    switches: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    group: str | None = None
    secret: bool = False
    name: str = ""


REDIS_PREFIX = "qs_default"


def _option(default: T, kind: Kind, help_: str, key: str, **more: Any) -> T:
    option = Option(kind, help_, key, **more)
    described: T = field(default=default, metadata={"option": option}, repr=not option.secret)
    return described


def _port(channel: str) -> int | None:
    lower = channel.lower()
    return _option(
        None,
        kinds.port(channel),
        f"port of the kernel's {lower} channel; a free one when not given",
        f"worker/ipython_{lower}_port",
        env=(f"QSERVER_IPYTHON_KERNEL_{channel}_PORT",),
        flags=(f"--ipython-{lower}-port",),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What a manager is told at its start. Unset values are None."""

    # network
    zmq_control_addr: str = _option(
        "tcp://127.0.0.1:60615",
        kinds.ADDRESS,
        "address the control socket is bound to",
        "network/zmq_control_addr",
        env=("QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER",),
        flags=("--zmq-control-addr", "--zmq-addr"),
    )
    zmq_info_addr: str = _option(
        "tcp://127.0.0.1:60625",
        kinds.ADDRESS,
        "address the socket publishing console output and status is bound to",
        "network/zmq_info_addr",
        env=("QSERVER_ZMQ_INFO_ADDRESS_FOR_SERVER",),
        flags=("--zmq-info-addr", "--zmq-publish-console-addr"),
    )
    zmq_encoding: str = _option(
        "json",
        kinds.choice("json", "msgpack"),
        "encoding of everything on both sockets",
        "network/zmq_encoding",
        env=("QSERVER_ZMQ_ENCODING_FOR_SERVER",),
        flags=("--zmq-encoding",),
    )
    zmq_publish_console: bool = _option(
        False,
        kinds.ON_OFF,
        "publish console output and status",
        "network/zmq_publish_console",
        flags=("--zmq-publish-console",),
    )
    zmq_private_key: str | None = _option(
        None,
        kinds.CURVE_KEY,
        "private key of the server; encrypts the sockets",
        "network/zmq_private_key",
        env=("QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER", "QSERVER_ZMQ_PRIVATE_KEY"),
        secret=True,
    )
    security: str = _option(
        "secure",
        kinds.choice("secure", "compat"),
        "'secure' keeps the sockets on this machine unless they are encrypted; 'compat' "
        "opens them to the network like bluesky-queueserver does",
        "network/security",
        env=("QSERVER_SECURITY",),
        flags=("--security",),
    )
    # store: Redis when redis_addr or redis_name_prefix was given, else the SQLite file
    redis_addr: str | None = _option(
        None,
        kinds.TEXT,
        "keep queue and history in this Redis or Valkey server (host, host:port, "
        "host:port/db or a URL); 'localhost' when only a name prefix is given",
        "network/redis_addr",
        flags=("--redis-addr",),
        secret=True,
    )
    redis_name_prefix: str | None = _option(
        None,
        kinds.ANY_TEXT,
        f"prefix of the key names in Redis, may be empty; {REDIS_PREFIX!r} when only an "
        "address is given",
        "network/redis_name_prefix",
        flags=("--redis-name-prefix",),
    )
    store: str | None = _option(
        None,
        kinds.STORE,
        "SQLite file that keeps queue, history and permissions; a file in the user's data "
        "folder when not given",
        "operation/store",
        env=("QSERVER_STORE",),
        flags=("--store",),
    )
    # startup code
    startup_dir: str | None = _option(
        None,
        kinds.PATH,
        "folder with the startup files (*.py, *.ipy)",
        "startup/startup_dir",
        flags=("--startup-dir",),
        group="startup",
    )
    startup_profile: str | None = _option(
        None,
        kinds.TEXT,
        "name of the IPython profile with the startup files",
        "startup/startup_profile",
        flags=("--startup-profile",),
    )
    startup_module: str | None = _option(
        None,
        kinds.TEXT,
        "dotted name of a module with startup code",
        "startup/startup_module",
        flags=("--startup-module",),
        group="startup",
    )
    startup_script: str | None = _option(
        None,
        kinds.PATH,
        "file with startup code",
        "startup/startup_script",
        flags=("--startup-script",),
        group="startup",
    )
    ipython_dir: str | None = _option(
        None,
        kinds.PATH,
        "root folder of the IPython profiles, instead of IPYTHONDIR",
        "startup/ipython_dir",
        flags=("--ipython-dir",),
    )
    demo_mode: bool = False
    ignore_invalid_plans: bool | None = _option(
        None,
        kinds.ON_OFF,
        "ON leaves out plans that cannot be described; OFF fails instead, also where a default is "
        "no plain value; when not given, ON, but OFF with --security compat",
        "startup/ignore_invalid_plans",
        flags=("--ignore-invalid-plans",),
    )
    device_max_depth: int = _option(
        0,
        kinds.DEPTH,
        "how deep the parts of devices are listed; 0 means all",
        "startup/device_max_depth",
        flags=("--device-max-depth",),
    )
    existing_plans_and_devices_path: str | None = _option(
        None,
        kinds.PATH,
        "file (*.yaml) or folder of the list of existing plans and devices; the folder of "
        "the startup files when not given",
        "startup/existing_plans_and_devices_path",
        flags=("--existing-plans-devices",),
    )
    update_existing_plans_devices: str = _option(
        "ENVIRONMENT_OPEN",
        kinds.choice("NEVER", "ENVIRONMENT_OPEN", "ALWAYS"),
        "when the file of existing plans and devices is written",
        "operation/update_existing_plans_and_devices",
        flags=("--update-existing-plans-devices",),
    )
    user_group_permissions_path: str | None = _option(
        None,
        kinds.PATH,
        "file (*.yaml) or folder of the user group permissions; the folder of the startup "
        "files when not given",
        "startup/user_group_permissions_path",
        flags=("--user-group-permissions",),
    )
    user_group_permissions_reload: str = _option(
        "ON_STARTUP",
        kinds.choice("NEVER", "ON_REQUEST", "ON_STARTUP"),
        "when the file of the user group permissions is read",
        "operation/user_group_permissions_reload",
        flags=("--user-group-permissions-reload",),
    )
    # worker kernel
    use_ipython_kernel: bool = _option(
        True,
        kinds.ON_OFF,
        "load startup code like IPython does and let consoles connect",
        "worker/use_ipython_kernel",
        env=("QSERVER_USE_IPYTHON_KERNEL",),
        flags=("--use-ipython-kernel",),
    )
    ipython_kernel_ip: str = _option(
        "localhost",
        kinds.KERNEL_IP,
        "address of the kernel: localhost, auto, or an IPv4 address of this machine",
        "worker/ipython_kernel_ip",
        env=("QSERVER_IPYTHON_KERNEL_IP",),
        flags=("--ipython-kernel-ip",),
    )
    ipython_matplotlib: str | None = _option(
        None,
        kinds.TEXT,
        "Matplotlib backend of the kernel; agg when not given",
        "worker/ipython_matplotlib",
        env=("QSERVER_IPYTHON_KERNEL_MATPLOTLIB",),
        flags=("--ipython-matplotlib",),
    )
    ipython_connection_file: str | None = _option(
        None,
        kinds.TEXT,
        "name of the kernel's connection file, used again on every opening",
        "worker/ipython_connection_file",
        env=("QSERVER_IPYTHON_KERNEL_CONNECTION_FILE",),
        flags=("--ipython-connection-file",),
    )
    ipython_connection_dir: str | None = _option(
        None,
        kinds.PATH,
        "folder of the connection file; the Jupyter runtime folder when not given",
        "worker/ipython_connection_dir",
        env=("QSERVER_IPYTHON_KERNEL_CONNECTION_DIR",),
        flags=("--ipython-connection-dir",),
    )
    ipython_shell_port: int | None = _port("SHELL")
    ipython_iopub_port: int | None = _port("IOPUB")
    ipython_stdin_port: int | None = _port("STDIN")
    ipython_hb_port: int | None = _port("HB")
    ipython_control_port: int | None = _port("CONTROL")
    permitted_re_metadata_keys: tuple[str, ...] = _option(
        ("/",),
        kinds.KEY_PATHS,
        "paths of the Run Engine metadata that clients may read; / means all",
        "worker/permitted_re_metadata_keys",
        env=("QSERVER_PERMITTED_RE_METADATA_KEYS",),
        flags=("--permitted-re-metadata-keys",),
    )
    cells_between_plans: str = _option(
        "hold",
        kinds.choice("hold", "allow"),
        "whether cells of connected consoles wait until the queue has ended or run between "
        "two plans",
        "worker/cells_between_plans",
        flags=("--cells-between-plans",),
    )
    worker_python: str | None = _option(
        None,
        kinds.PROGRAM,
        "Python interpreter of the worker, with ipykernel and bluesky installed; the "
        "manager's own when not given",
        "worker/worker_python",
        env=("QSERVER_WORKER_PYTHON",),
        flags=("--worker-python",),
    )
    # operation
    print_console_output: bool = _option(
        True,
        kinds.ON_OFF,
        "print console output",
        "operation/print_console_output",
        flags=("--console-output",),
    )
    console_logging_level: int = _option(
        20,
        kinds.LOGGING_LEVEL,
        "how much is logged: everything, warnings, nothing",
        "operation/console_logging_level",
        switches={
            "--verbose": ("VERBOSE", "log everything"),
            "--quiet": ("QUIET", "log warnings and errors only"),
            "--silent": ("SILENT", "log nothing"),
        },
        group="logging",
    )
    emergency_lock_key: str | None = _option(
        None,
        kinds.TEXT,
        "key that opens every lock",
        "operation/emergency_lock_key",
        env=("QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER",),
        secret=True,
    )
    runtime_dir: str | None = _option(
        None,
        kinds.PATH,
        "folder of sockets and connection files; the user's runtime folder when not given",
        "operation/runtime_dir",
        env=("QSERVER_RUNTIME_DIR",),
        flags=("--runtime-dir",),
    )

    @property
    def uses_redis(self) -> bool:
        """Whether queue and history live in Redis."""
        return self.redis_addr is not None or self.redis_name_prefix is not None

    @property
    def redis_prefix(self) -> str:
        """The prefix of the key names in Redis."""
        return REDIS_PREFIX if self.redis_name_prefix is None else self.redis_name_prefix

    @property
    def startup_folder(self) -> str | None:
        """Folder of the startup files, whichever way it was named; None without one."""
        if self.startup_dir is not None:
            return self.startup_dir
        if self.ipython_dir is None:
            return None
        return f"{self.ipython_dir}/profile_{self.startup_profile or 'default'}/startup"

    def to_json(self) -> str:
        """Return the settings, secrets included, as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return the settings that `to_json` wrote."""
        values = json.loads(text)
        values["permitted_re_metadata_keys"] = tuple(values["permitted_re_metadata_keys"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Retired:
    """An option that does nothing any more; giving it is worth a warning only."""

    name: str
    flag: str
    key: str
    advice: str


RETIRED = (
    Retired(
        "keep_re",
        "--keep-re",
        "startup/keep_re",
        "the Run Engine of the startup code is always used when there is one",
    ),
)


@cache
def options() -> dict[str, Option]:
    """Return the options by the names of their settings."""
    found: dict[str, Option] = {}
    for each in fields(Settings):
        option: Any = each.metadata.get("option")
        if option is not None:
            found[each.name] = replace(option, name=each.name)
    return found
