"""What exists in the worker and what each group may do with it.

A `Catalogue` holds the existing plans and devices together with the permissions. It never
changes: other lists or other permissions make another catalogue, which takes over whatever
stayed the same. The tables of a group and the compiled checks of a plan are made when they
are first asked for and then kept.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from qs_jupyter.errors import NotAllowed, did_you_mean
from qs_jupyter.huge_json import is_huge
from qs_jupyter.model.conversion import KnownNames, strings_in
from qs_jupyter.model.devices import DeviceTable, left_open, restrict, whole_table
from qs_jupyter.model.permissions import ROOT, Permissions
from qs_jupyter.model.plans import restrict_choices, restrict_names
from qs_kernel_worker.jobs import METADATA_NAMES

if TYPE_CHECKING:
    from qs_jupyter.model.plan_arguments import PlanArguments

LONGEST_PLAN_TEXT: Final = 4000


@dataclass(frozen=True, slots=True)
class PlanCall:
    """A call of a plan, ready for the worker.

    ``convert`` names, by parameter, the strings that stand for objects, ``tentative`` those of
    them that stay strings when nothing has their name; ``metadata`` goes into the start
    document of the runs.
    """

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    convert: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    tentative: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The plans and devices that are open to one group."""

    plans: dict[str, Any]
    devices: DeviceTable


class Catalogue:
    """Existing plans and devices, the permissions, and what follows from them."""

    def __init__(
        self,
        existing_plans: Mapping[str, Any],
        existing_devices: Mapping[str, Any],
        permissions: Permissions,
    ) -> None:
        self.plans = existing_plans
        self.devices = existing_devices
        self.permissions = permissions
        self._tables: dict[str, GroupTable] = {}
        # By identity of the description, which is kept beside its checks to stay alive.
        self._compiled: dict[int, tuple[Mapping[str, Any], PlanArguments]] = {}

    def with_lists(self, plans: Mapping[str, Any], devices: Mapping[str, Any]) -> Catalogue:
        """Return a catalogue of other plans and devices under the same permissions."""
        return self._successor(
            _keep_equal(self.plans, plans), _keep_equal(self.devices, devices), self.permissions
        )

    def with_permissions(self, permissions: Permissions) -> Catalogue:
        """Return a catalogue of the same plans and devices under other permissions."""
        return self._successor(self.plans, self.devices, permissions)

    def _successor(
        self, plans: Mapping[str, Any], devices: Mapping[str, Any], permissions: Permissions
    ) -> Catalogue:
        after = Catalogue(plans, devices, permissions)
        for description in plans.values():
            if id(description) in self._compiled:
                after._compiled[id(description)] = self._compiled[id(description)]
        return after

    def has_group(self, group: str) -> bool:
        """Tell whether the permissions know the group."""
        return isinstance(group, str) and group in self.permissions.groups

    def plans_allowed(self, group: str) -> dict[str, Any]:
        """Return the plans of the group; its choices of devices and plans only."""
        return self._table(group).plans

    def devices_allowed(self, group: str) -> Mapping[str, Any]:
        """Return the devices of the group; nodes kept for what is below are ``excluded``."""
        return self._table(group).devices.tree

    def device_names(self, group: str) -> frozenset[str]:
        """Return the dotted names of all devices and components that the group may use."""
        return self._table(group).devices.usable

    def prepare(self) -> None:
        """Make the tables of all groups and load what checks arguments, before they are asked for.

        Meant for another thread; what is asked for meanwhile is made for the one who asks.
        """
        compiled({})
        for group in self.permissions.groups:
            self._table(group)

    def warnings(self) -> list[str]:
        """Return what an author of permissions may not have meant, as sentences.

        To forbid a device forbids its name; its components stay open unless a pattern says
        otherwise, which many expect to be the other way round.
        """
        return [
            f"Group {group!r}: device {name!r} is forbidden, but components of it may be used; "
            f"to close it with all below, forbid {_with_all_below(name)!r} as well"
            for group in self.permissions.groups
            for name in left_open(
                self._table(group).devices, self.permissions.rule(group, "devices")
            )
        ]

    def check_plan(self, item: Mapping[str, Any], group: str) -> None:
        """Check that the group may run the plan with these arguments.

        Raises
        ------
        NotAllowed
            When it may not, with the reason and the plan.
        """
        table = self._table(group)
        with explained(item):
            self._checked(item, table, group)

    def call(self, item: Mapping[str, Any], group: str) -> PlanCall:
        """Check the plan and return the call for the worker.

        Raises
        ------
        NotAllowed
            When the group may not run the plan, with the reason and the plan.
        """
        table = self._table(group)
        with explained(item):
            arguments, bound = self._checked(item, table, group)
            args, kwargs = list(item.get("args") or ()), dict(item.get("kwargs") or {})
            added = _add_decorator_defaults(arguments, bound, args, kwargs)
            known = self._known_names(table, group)
            convert, tentative = _conversions(arguments, {**bound, **added}, known)
        metadata = merged_metadata(item.get("meta", {}))
        return PlanCall(args, kwargs, convert, metadata, tentative)

    def _checked(
        self, item: Mapping[str, Any], table: GroupTable, group: str
    ) -> tuple[PlanArguments, dict[str, Any]]:
        description = self._description(item.get("name"), table.plans, group)
        args, kwargs = item.get("args", ()), item.get("kwargs", {})
        check_containers(args, kwargs, item.get("meta", {}))
        arguments = self._arguments(description)
        bound = arguments.check(args, kwargs)
        if arguments.callables:
            self._check_callables(arguments, bound, self._known_names(table, group), group)
        return arguments, bound

    def _check_callables(
        self, arguments: PlanArguments, bound: Mapping[str, Any], known: KnownNames, group: str
    ) -> None:
        """Refuse text where only callables make sense: the plan could not call it."""
        for parameter in arguments.callables:
            rule = arguments.rules[parameter]
            for name in strings_in(bound.get(parameter)):
                if not rule.covers(name, known):
                    hint = did_you_mean(name, known.plans)
                    raise NotAllowed(
                        f"{name!r} is no function or plan that group {group!r} may use "
                        f"(parameter {parameter!r}){hint}. Functions are opened to a group by "
                        "'allowed_functions' in the permissions"
                    )

    def _known_names(self, table: GroupTable, group: str) -> KnownNames:
        allows_callable = partial(self.permissions.allows_callable, group)
        return KnownNames(table.devices.usable, table.plans, allows_callable)

    def _description(self, name: Any, plans: Mapping[str, Any], group: str) -> Mapping[str, Any]:
        if isinstance(name, str) and name in plans:
            description: Mapping[str, Any] = plans[name]
            return description
        if name is None:
            raise NotAllowed("The name of the plan is not specified")
        if isinstance(name, str) and name in self.plans:
            hint = f" (it exists, but the permissions of group {group!r} do not include it)"
        else:
            hint = did_you_mean(name, plans)
        raise NotAllowed(f"Plan {name!r} is not in the list of allowed plans.{hint}")

    def _arguments(self, description: Mapping[str, Any]) -> PlanArguments:
        known = self._compiled.get(id(description))
        if known is None:
            known = (description, compiled(description))
            self._compiled[id(description)] = known
        return known[1]

    def _table(self, group: str) -> GroupTable:
        table = self._tables.get(group) if isinstance(group, str) else None
        if table is None:
            table = self._made_table(group)
            self._tables[group] = table
        return table

    def _made_table(self, group: str) -> GroupTable:
        if not self.has_group(group):
            known = self.permissions.groups
            raise NotAllowed(f"Unknown user group: {group!r}{did_you_mean(group, known)}")
        if group == ROOT:
            before = GroupTable(dict(self.plans), whole_table(self.devices))
        else:
            before = self._table(ROOT)
        devices = restrict(before.devices, self.permissions.rule(group, "devices"))
        plans = restrict_names(before.plans, self.permissions.rule(group, "plans"))
        return GroupTable(restrict_choices(plans, devices.usable), devices)


def compiled(description: Mapping[str, Any]) -> PlanArguments:
    """Return the checks of one plan description.

    The first call loads pydantic's engine; call it once ahead of time (any description will
    do, also an empty one) so that no client waits for that.

    Raises
    ------
    NotAllowed
        When the description cannot be used; says what is wrong in it.
    """
    from qs_jupyter.model.plan_arguments import PlanArguments  # noqa: PLC0415

    return PlanArguments(description)


def validation_failed(reason: str, item: Any) -> str:
    """Return the text that clients see for a plan that was refused."""
    try:
        shown = _beginning(item)
        text = repr(dict(shown)) if isinstance(shown, Mapping) else repr(shown)
    except RecursionError:
        text = "(nested too deeply to be shown)"
    if len(text) > LONGEST_PLAN_TEXT:
        text = f"{text[:LONGEST_PLAN_TEXT]} …"
    return f"Plan validation failed: {reason}\nPlan: {text}"


def _beginning(value: Any) -> Any:
    """Leave out of huge lists what would be cut from the text anyway: each entry has 3 letters."""
    if isinstance(value, Mapping):
        return {key: _beginning(inner) for key, inner in value.items()}
    if isinstance(value, list) and is_huge(value):
        return [_beginning(inner) for inner in value[: LONGEST_PLAN_TEXT // 3 + 1]]
    return value


@contextmanager
def explained(item: Mapping[str, Any]) -> Iterator[None]:
    """Put the reason of a refusal into the text that clients see."""
    try:
        yield
    except NotAllowed as error:
        raise NotAllowed(validation_failed(str(error), item)) from error
    except RecursionError as error:
        reason = "the arguments are nested too deeply"
        raise NotAllowed(validation_failed(reason, item)) from error


def check_containers(args: Any, kwargs: Any, meta: Any) -> None:
    """Check that arguments and metadata have the outer shape they must have.

    Raises
    ------
    NotAllowed
        When one of them has not; names it.
    """
    if not isinstance(args, list | tuple):
        raise NotAllowed(f"Plan parameter 'args' must be a list, not {type(args).__name__!r}")
    if not isinstance(kwargs, Mapping):
        raise NotAllowed(
            f"Plan parameter 'kwargs' must be a dictionary, not {type(kwargs).__name__!r}"
        )
    if not all(isinstance(key, str) for key in kwargs):
        raise NotAllowed("Plan parameter 'kwargs' must have strings as keys")
    maps = meta if isinstance(meta, list | tuple) else (meta,)
    if not all(isinstance(entry, Mapping) for entry in maps):
        raise NotAllowed("Plan parameter 'meta' must be a dictionary or a list of dictionaries")


def merged_metadata(meta: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one map of metadata; of several maps the earlier ones win."""
    maps = [meta] if isinstance(meta, Mapping) else list(meta)
    merged: dict[str, Any] = {}
    for entry in reversed(maps):
        merged.update(entry)
    return merged


def _conversions(
    arguments: PlanArguments, bound: Mapping[str, Any], known: KnownNames
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the strings that stand for objects, by parameter, and the tentative of them."""
    convert, tentative = {}, {}
    for name, value in bound.items():
        rule = arguments.rules[name]
        if not rule.converts:
            continue
        strings = set(strings_in(_without_metadata(arguments, name, value)))
        chosen = sorted(string for string in strings if rule.covers(string, known))
        if chosen:
            convert[name] = chosen
        perhaps = [string for string in chosen if rule.is_tentative(string, known)]
        if perhaps:
            tentative[name] = perhaps
    return convert, tentative


def _add_decorator_defaults(
    arguments: PlanArguments, bound: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Add defaults that only the decorator knows, in place; return them by parameter."""
    missing = {
        name: copy.deepcopy(value)
        for name, value in arguments.decorator_defaults.items()
        if name not in bound
    }
    positional = arguments.positional_only
    last = max((n for n, name in enumerate(positional) if name in missing), default=-1)
    # Parameters before the last one in question can not be skipped: give their own defaults.
    args.extend(
        missing[name] if name in missing else arguments.default(name)
        for name in positional[len(args) : last + 1]
    )
    kwargs.update({name: value for name, value in missing.items() if name not in positional})
    return missing


def _with_all_below(name: str) -> str:
    """Return the pattern for a device and everything below, but nothing above."""
    *parents, last = name.split(".")
    return "".join(f":-^{parent}$" for parent in parents) + f":^{last}$:?.*"


def _keep_equal(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new descriptions, the old object wherever nothing changed."""
    return {
        name: old[name] if name in old and old[name] == description else description
        for name, description in new.items()
    }


def _without_metadata(arguments: PlanArguments, name: str, value: Any) -> Any:
    """Leave out metadata that a plan takes by ``**kwargs``."""
    if arguments.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
        return {key: item for key, item in value.items() if key not in METADATA_NAMES}
    return value
