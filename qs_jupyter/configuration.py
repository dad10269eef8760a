"""From defaults, environment, config file and command line to settings.

Each of the four takes precedence over the one before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qs_jupyter import exposure, startup_code
from qs_jupyter.config_file import FileValues, read_config
from qs_jupyter.errors import ConfigurationError, did_you_mean
from qs_jupyter.setting_kinds import ON_OFF, UNSET
from qs_jupyter.settings import REDIS_PREFIX, RETIRED, Option, Settings, options
from qs_jupyter.version import add_version

if TYPE_CHECKING:
    from argparse import ArgumentParser

CONFIG_VARIABLE = "QSERVER_CONFIG"

_OPEN_ADDRESSES = {"zmq_control_addr": "tcp://*:60615", "zmq_info_addr": "tcp://*:60625"}
_STARTUP = ("startup_dir", "startup_profile", "startup_module", "startup_script", "ipython_dir")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in effect, and what the operator should be told about them."""

    settings: Settings
    warnings: list[str] = field(default_factory=list)
    launcher: bool = True


def configure(
    arguments: Sequence[str], environment: Mapping[str, str], *, program: str = "start-re-manager"
) -> Configuration:
    """Return the settings that a command line, an environment and a config file ask for.

    Prints and exits with 2 on a malformed command line, with 0 for ``--help``.

    Raises
    ------
    ConfigurationError
        A value is impossible, or values contradict each other.
    """
    command_line = _command_line(arguments, program)
    from_environment = _environment(environment)
    path = command_line.config or environment.get(CONFIG_VARIABLE)
    from_file = read_config(path) if path else FileValues()
    warnings = [*command_line.warnings, *from_environment.warnings, *from_file.warnings]
    given = from_environment.values | from_file.values | command_line.values
    startup = startup_code.resolve_startup(
        from_file.values,
        command_line.values,
        ipython=given.get("use_ipython_kernel", True),
        explicitly="use_ipython_kernel" in given,
    )
    given = {name: value for name, value in given.items() if name not in _STARTUP}
    given |= _yaml_paths(given, startup.pop("aux_dir"))
    given |= startup | _redis(given) | _addresses(given)
    settings = Settings(**given)
    _require_lists_folder(settings)
    warnings += exposure.check_addresses(settings) + exposure.check_files(settings)
    if path:
        warnings += exposure.check_secrets_in(path, from_file.values)
    return Configuration(settings, warnings, command_line.launcher)


# ------------------------------------------------------------------------------ command line


@dataclass(slots=True)
class _CommandLine:
    values: dict[str, Any]
    config: str | None
    launcher: bool
    warnings: list[str]


def _command_line(arguments: Sequence[str], program: str) -> _CommandLine:
    parsed = _parsed(arguments, program)
    old_flags = {flag: name for name, option in options().items() for flag in option.flags[1:]}
    used = [argument.partition("=")[0] for argument in arguments]
    warnings = [
        f"Option {flag} is deprecated: use {options()[old_flags[flag]].flags[0]} instead"
        for flag in used
        if flag in old_flags
    ]
    warnings += [
        f"Option {each.flag} is deprecated and has no effect: {each.advice}"
        for each in RETIRED
        if parsed.pop(each.name)
    ]
    config = parsed.pop("config")
    launcher = not parsed.pop("no_launcher")
    for flag, name in old_flags.items():
        raw = parsed.pop(flag)
        parsed[name] = raw if parsed[name] is None else parsed[name]
    values = {}
    for name, raw in parsed.items():
        option = options()[name]
        value = UNSET if raw is None else option.kind.read(raw, f"Option {_flag(option)}")
        if value is not UNSET:
            values[name] = value
    return _CommandLine(values, config, launcher, warnings)


def _parsed(arguments: Sequence[str], program: str) -> dict[str, Any]:
    parser = _parser(program)
    found, unknown = parser.parse_known_args(arguments)
    if unknown:
        # One line with a hint, instead of the usage of some forty options.
        known = [flag for each in options().values() for flag in (*each.flags, *each.switches)]
        hint = did_you_mean(unknown[0].partition("=")[0], ["--config", "--no-launcher", *known])
        text = f"unrecognized arguments: {' '.join(unknown)}{hint}"
        parser.exit(2, f"{program}: {text}. '{program} --help' lists all options\n")
    return vars(found)


def _flag(option: Option) -> str:
    return option.flags[0] if option.flags else "/".join(option.switches)


_SECTIONS = {
    "network": "network",
    "startup": "startup code",
    "worker": "worker kernel",
    "operation": "operation",
}


def _parser(program: str) -> ArgumentParser:
    import argparse  # noqa: PLC0415 - of use to programs only

    parser = argparse.ArgumentParser(
        prog=program,
        description="Start the queue server: a manager that runs plans in a Jupyter kernel.",
        epilog="Options take precedence over the config file, and that over the environment.",
        allow_abbrev=False,
    )
    add_version(parser)
    parser.add_argument("--config", metavar="PATH", help="config file, or folder of config files")
    parser.add_argument(
        "--no-launcher",
        action="store_true",
        help="run the manager in this process, for service managers that restart it themselves",
    )
    sections = {
        section: parser.add_argument_group(title, f"in the config file: section '{section}'")
        for section, title in _SECTIONS.items()
    }
    exclusive: dict[str, Any] = {}
    for name, option in options().items():
        target: Any = sections[option.key.partition("/")[0]]
        if option.group:
            if option.group not in exclusive:
                exclusive[option.group] = target.add_mutually_exclusive_group()
            target = exclusive[option.group]
        if option.flags:
            count = "+" if option.kind.many else None
            flags, metavar = option.flags, option.kind.metavar
            target.add_argument(
                flags[0], dest=name, metavar=metavar, help=_help(option), nargs=count
            )
            for old in flags[1:]:
                parser.add_argument(old, dest=old, help=argparse.SUPPRESS)
        for switch, (value, text) in option.switches.items():
            target.add_argument(switch, dest=name, action="store_const", const=value, help=text)
    for retired in RETIRED:
        parser.add_argument(
            retired.flag, dest=retired.name, action="store_true", help=argparse.SUPPRESS
        )
    return parser


def _help(option: Option) -> str:
    default = Settings.__dataclass_fields__[option.name].default
    notes = []
    if default not in (None, ("/",)) and not option.switches:
        notes.append(f"default: {_shown(default)}")
    if option.env:
        notes.append(f"environment: {option.env[0]}")
    text = f"{option.help} ({'; '.join(notes)})" if notes else option.help
    return text.replace("%", "%%")


def _shown(value: Any) -> str:
    return {True: "ON", False: "OFF"}[value] if isinstance(value, bool) else str(value)


# ------------------------------------------------------------------------------- environment


def _environment(environment: Mapping[str, str]) -> FileValues:
    found = FileValues()
    for name, option in options().items():
        for variable in option.env:
            raw = environment.get(variable)
            # For a switch, nothing is a word like others: it means OFF.
            if raw is None or (not raw and option.kind is not ON_OFF) or name in found.values:
                continue
            if variable != option.env[0]:
                found.warnings.append(
                    f"Environment variable {variable} is deprecated: use {option.env[0]} instead"
                )
            value = _environment_value(option, raw, variable, found.warnings)
            if value is not UNSET:
                found.values[name] = value
    return found


def _environment_value(option: Option, raw: str, variable: str, warnings: list[str]) -> Any:
    where = f"Environment variable {variable}"
    try:
        return option.kind.read(raw, where)
    except ConfigurationError as error:
        if option.kind is not ON_OFF:
            raise
        # Existing installations rely on odd words being passed over here.
        warnings.append(f"{error}; it is ignored")
        return UNSET


# ----------------------------------------------------------------------- what follows from it


def _yaml_paths(given: Mapping[str, Any], aux_dir: str | None) -> dict[str, str]:
    lists = startup_code.yaml_path(
        given.get("existing_plans_and_devices_path"),
        aux_dir,
        startup_code.LISTS_FILE,
        "the list of existing plans and devices (--existing-plans-devices)",
    )
    permissions = startup_code.yaml_path(
        given.get("user_group_permissions_path"),
        aux_dir,
        startup_code.PERMISSIONS_FILE,
        "the user group permissions (--user-group-permissions)",
    )
    return {"existing_plans_and_devices_path": lists, "user_group_permissions_path": permissions}


def _require_lists_folder(settings: Settings) -> None:
    folder = Path(settings.existing_plans_and_devices_path or "").parent
    if not settings.demo_mode and not folder.is_dir():
        raise ConfigurationError(
            f"The folder '{folder}' of the list of existing plans and devices does not exist"
        )


def _redis(given: Mapping[str, Any]) -> dict[str, str]:
    if "redis_addr" not in given and "redis_name_prefix" not in given:
        return {}
    if "store" in given:
        raise ConfigurationError(
            "Both a Redis server and a store file are given: leave out --store, or "
            "--redis-addr and --redis-name-prefix"
        )
    defaults = {"redis_addr": "localhost", "redis_name_prefix": REDIS_PREFIX}
    return {name: given.get(name, value) for name, value in defaults.items()}


def _addresses(given: Mapping[str, Any]) -> dict[str, str]:
    if given.get("security") != "compat":
        return {}
    return {name: given.get(name, address) for name, address in _OPEN_ADDRESSES.items()}


# ---------------------------------------------------------------------------------- reporting


def describe(settings: Settings) -> str:
    """Return the settings as lines of text, secrets masked."""
    lines = []
    for name in Settings.__dataclass_fields__:
        value = getattr(settings, name)
        shown = "******" if exposure.is_secret(name, value) else value
        lines.append(f"    {name}: {shown!r}")
    return "RE Manager is started with settings:\n" + "\n".join(lines)


_NOT_SAVED = ("store", "security", "cells_between_plans", "worker_python", "runtime_dir")


def save_settings(settings: Settings, path: str) -> None:
    """Write the settings, secrets included, as a YAML map that only the user can read."""
    import json  # noqa: PLC0415 - of use to a few test benches only

    values = {
        name: getattr(settings, name)
        for name in sorted(Settings.__dataclass_fields__)
        if name not in _NOT_SAVED
    }
    # Programs that read such a file know two values only.
    values["ignore_invalid_plans"] = bool(settings.ignore_invalid_plans)
    # Scalars and lists of JSON are YAML, so no YAML library is needed.
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())
    place = Path(path).expanduser()
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
