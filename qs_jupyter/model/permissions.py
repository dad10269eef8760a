"""User groups and which names each may use.

For each group there are pairs of lists, ``allowed_*`` and ``forbidden_*``, of names and
patterns: over plans, devices, functions and, if a group has them, methods of the API. The
group ``root`` is compulsory and bounds all others: a name is open to a group when the lists
of ``root`` and those of the group let it pass. A list that begins with null is open.

A dictionary is read as a whole. One entry that cannot be read refuses all of it, so that a
slip of the pen never opens a door.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from qs_jupyter.errors import BadRequest, did_you_mean
from qs_kernel_worker.name_patterns import (
    Compile,
    Pattern,
    parse_entry,
    parse_name_entry,
    select_devices,
    select_names,
)

ROOT: Final = "root"
KINDS: Final = ("plans", "devices", "functions", "api")
LISTS: Final = tuple(f"{sense}_{kind}" for kind in KINDS for sense in ("allowed", "forbidden"))
LONGEST_ENTRY: Final = 1000
LONGEST_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class NameRule:
    """One pair of lists: what is let in, and what is kept out of that."""

    allows_all: bool = False
    allowed: tuple[Pattern, ...] = ()
    forbidden: tuple[Pattern, ...] = ()

    def names(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that pass."""
        known = set(names)
        chosen = known if self.allows_all else known & select_names(self.allowed, known)
        return chosen - select_names(self.forbidden, chosen)

    def devices(self, tree: Mapping[str, Any]) -> set[str] | None:
        """Return the dotted names that pass, or None when the whole tree does."""
        if self.allows_all and not self.forbidden:
            return None
        every = select_devices(":?.*", tree)
        chosen = every if self.allows_all else every & select_devices(self.allowed, tree)
        return chosen - select_devices(self.forbidden, tree)


@dataclass(frozen=True)
class Permissions:
    """The permissions of all groups, read and found good."""

    data: Mapping[str, Any]
    _rules: Mapping[str, Mapping[str, NameRule]] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, data: Any, compile_regex: Compile = re.compile) -> Permissions:
        """Read the dictionary that clients send and files hold.

        ``compile_regex`` compiles the regular expressions in it.

        Raises
        ------
        BadRequest
            When anything in it cannot be read; names the group, the list and the entry.
        """
        groups = _checked_groups(data)
        rules = {name: _group_rules(name, lists, compile_regex) for name, lists in groups.items()}
        return cls(copy.deepcopy(data), rules)

    @classmethod
    def nothing(cls) -> Permissions:
        """Return permissions with no group but ``root``, which may use nothing."""
        return cls.parse({"user_groups": {ROOT: {}}})

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups, in the order of the dictionary."""
        return tuple(self._rules)

    def rule(self, group: str, kind: str) -> NameRule:
        """Return the rule of the group alone; `root` is to be asked first."""
        return self._rules[group][kind]

    def allows_function(self, group: str, name: str) -> bool:
        """Tell whether the group may call the function; an unknown group may nothing."""
        return self._allows(group, "functions", name)

    def allows_callable(self, group: str, dotted: str) -> bool:
        """Tell whether a plan of the group may be given the function or attribute.

        Each step of a dotted name must be allowed as a function, and no part may begin with
        an underscore: otherwise one allowed object would open everything it refers to.
        """
        parts = dotted.split(".")
        if not all(part.isidentifier() and not part.startswith("_") for part in parts):
            return False
        steps = (".".join(parts[: n + 1]) for n in range(len(parts)))
        return all(self.allows_function(group, step) for step in steps)

    @property
    def narrows_api(self) -> bool:
        """Whether any group is kept from any method of the API."""
        rules = (lists["api"] for lists in self._rules.values())
        return any(rule.forbidden or not rule.allows_all for rule in rules)

    def allows_api(self, group: str, method: str) -> bool:
        """Tell whether the group may call the method of the API."""
        return self._allows(group, "api", method)

    def _allows(self, group: str, kind: str, name: str) -> bool:
        if not isinstance(group, str) or group not in self._rules:
            return False
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            return False
        return all(name in self.rule(g, kind).names((name,)) for g in dict.fromkeys((ROOT, group)))


def _problem(reason: str) -> BadRequest:
    return BadRequest(f"User group permissions: {reason}")


def _checked_groups(data: Any) -> Mapping[str, Mapping[str, Any]]:
    """Check the shape of the dictionary down to the lists."""
    if not isinstance(data, dict):
        raise _problem(f"Invalid type '{type(data)}', must be 'dict'")
    if "user_groups" not in data:
        raise _problem(f"'user_groups' is a required property, found: {sorted(map(str, data))}")
    _refuse_others("the permissions", data, ("user_groups",))
    groups: Any = data["user_groups"]
    if not isinstance(groups, dict):
        raise _problem(f"'user_groups': {groups!r} is not of type 'object'")
    for name, lists in groups.items():
        if not isinstance(name, str) or not name:
            raise _problem(f"the name of a user group must be a non-empty string, not {name!r}")
        if not isinstance(lists, dict):
            raise _problem(f"group {name!r}: {lists!r} is not of type 'object'")
        _refuse_others(f"group {name!r}", lists, LISTS)
    if ROOT not in groups:
        raise _problem(f"Missing required user group: '{ROOT}'")
    return groups


def _refuse_others(where: str, data: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    others = [key for key in data if key not in known]
    if others:
        raise _problem(
            f"Additional properties are not allowed ({', '.join(map(repr, others))} in {where})"
            + did_you_mean(others[0], known)
        )


def _group_rules(
    group: str, lists: Mapping[str, Any], compile_regex: Compile
) -> dict[str, NameRule]:
    rules = {}
    for kind in KINDS:
        open_to_all, allowed = _entries(group, f"allowed_{kind}", lists, compile_regex)
        nothing_barred, forbidden = _entries(group, f"forbidden_{kind}", lists, compile_regex)
        if kind == "api" and "allowed_api" not in lists:
            # Dictionaries of other servers do not have this list.
            open_to_all = True
        rules[kind] = NameRule(open_to_all, allowed, () if nothing_barred else forbidden)
    return rules


def _entries(
    group: str, key: str, lists: Mapping[str, Any], compile_regex: Compile
) -> tuple[bool, tuple[Pattern, ...]]:
    """Read one list: whether it begins with null, and its entries."""
    entries = lists.get(key, [])
    if not isinstance(entries, list | tuple):
        raise _problem(f"{group}/{key}: {entries!r} is not of type 'array'")
    parse = parse_entry if key.endswith("_devices") else parse_name_entry
    begins_with_null = bool(entries) and entries[0] is None
    patterns = []
    for index, entry in enumerate(entries):
        if index == 0 and begins_with_null:
            continue
        where = f"{group}/{key}/{index}"
        if entry is None:
            raise _problem(f"{where}: null may only be the first entry of a list")
        if not isinstance(entry, str):
            raise _problem(f"{where}: {entry!r} is not of type 'string', 'null'")
        if len(entry) > LONGEST_ENTRY:
            raise _problem(f"{where}: the entry is longer than {LONGEST_ENTRY} characters")
        try:
            patterns.append(parse(entry, compile_regex))
        except ValueError as error:
            raise _problem(f"{where}: {error}") from error
    return begins_with_null, tuple(patterns)
