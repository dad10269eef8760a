"""The config file: one YAML file, or a folder of them, with sections and keys checked by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qs_jupyter.errors import ConfigurationError, did_you_mean, yaml_problem
from qs_jupyter.setting_kinds import UNSET
from qs_jupyter.settings import RETIRED, options

LEGACY_SECTION = "run_engine"


@dataclass(frozen=True, slots=True)
class FileValues:
    """What the config file sets, by the names of the settings, and what is odd about it."""

    values: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_config(path: str) -> FileValues:
    """Return the settings in a config file, or in all YAML files of a folder.

    Raises
    ------
    ConfigurationError
        The file cannot be read, is not YAML, or holds something that is no setting.
    """
    place = Path(path).expanduser()
    sections: dict[str, Any] = {}
    if not place.exists():
        raise ConfigurationError(f"Config file '{place}' does not exist")
    for file in _files(place):
        for name, content in _load(file).items():
            if name in sections:
                raise ConfigurationError(
                    f"{name!r} can only be specified in one file: '{file}' repeats it"
                )
            sections[name] = _expand(content)
    return _interpret(sections, str(place))


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [
        file
        for file in sorted(place.iterdir())
        if file.is_file() and not file.name.startswith(".") and file.suffix != ".py"
    ]


def _load(file: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - most starts have no config file

    try:
        content = yaml.load(file.read_bytes(), Loader=_loader(yaml))
    except (yaml.YAMLError, UnicodeError) as error:
        raise ConfigurationError(
            f"Config file '{file}' is not valid YAML: {yaml_problem(error)}"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"Config file '{file}' cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"Config file '{file}' must hold sections like 'network:', not {content!r}"
        )
    return content


def _loader(yaml: Any) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _expand(content: Any) -> Any:
    """Replace $VAR and ${VAR} in every text, however deep."""
    if isinstance(content, str):
        return os.path.expandvars(content)
    if isinstance(content, dict):
        return {key: _expand(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_expand(value) for value in content]
    return content


def _interpret(sections: Mapping[str, Any], file: str) -> FileValues:
    found = FileValues()
    known = _known_keys()
    for section, content in sections.items():
        if section == LEGACY_SECTION:
            found.warnings.append(
                f"Config file '{file}': section {LEGACY_SECTION!r} is ignored. Subscribe "
                "databrokers, Kafka and 0MQ publishers to the Run Engine in the startup code, "
                "and make its metadata persistent there"
            )
            continue
        if section not in known:
            raise ConfigurationError(
                f"Config file '{file}': unknown section {section!r}{did_you_mean(section, known)}. "
                f"Sections are {', '.join(known)}"
            )
        if content is None:
            continue
        if not isinstance(content, dict):
            raise ConfigurationError(
                f"Config file '{file}': section {section!r} must hold 'key: value' lines, "
                f"not {content!r}"
            )
        _interpret_section(section, content, known[section], file, found)
    return found


def _interpret_section(
    section: str, content: dict[Any, Any], known: Mapping[str, str], file: str, found: FileValues
) -> None:
    retired = {each.key: each for each in RETIRED}
    for key, raw in content.items():
        where = f"Config file '{file}', {section}/{key}"
        if f"{section}/{key}" in retired:
            advice = retired[f"{section}/{key}"].advice
            found.warnings.append(f"{where} is deprecated and has no effect: {advice}")
        elif key not in known:
            raise ConfigurationError(
                f"Config file '{file}': unknown key {key!r} in section {section!r}"
                f"{did_you_mean(key, known)}"
            )
        elif raw is not None:
            value = options()[known[key]].kind.read(raw, where)
            if value is not UNSET:
                found.values[known[key]] = value


def _known_keys() -> dict[str, dict[str, str]]:
    """Return section → key → name of the setting."""
    known: dict[str, dict[str, str]] = {}
    for name, option in options().items():
        section, _, key = option.key.partition("/")
        known.setdefault(section, {})[key] = name
    return known
