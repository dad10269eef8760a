"""Whether a call fits the description of a plan.

`PlanArguments` compiles one description and is kept as long as the description. A call is
checked in four steps: arguments are bound as Python binds them; types are checked with
pydantic's rules; a value that only fits after conversion (``"5"`` for 5) is refused; numbers
must lie in their range. The plan itself receives the values as they were sent.

A plan that takes ``*args`` in groups of fixed size, as in ``list_scan(dets, motor, [1, 2])``,
is checked group by group, whether the groups come one after the other or as lists.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import ValidationError, core_schema
from pydantic_core.core_schema import CoreSchema

from qs_jupyter.errors import NotAllowed, did_you_mean
from qs_jupyter.model.annotation_types import AnnotationError, AnnotationType, read_annotation
from qs_jupyter.model.argument_schema import compile_validator, group_size, hasty, schema_of
from qs_jupyter.model.conversion import ConversionRule, conversion_rule
from qs_jupyter.model.strictness import is_converted

LONGEST_REASON: Final = 8000
_MOST_HINTS: Final = 5
_MOST_ERRORS: Final = 300
_MOST_CANDIDATES: Final = 300

_KINDS: Final = {
    kind.name: kind
    for kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    )
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The range of the numbers of a parameter, with its ends as the description spells them."""

    low: float
    high: float
    text: str

    @classmethod
    def of(cls, parameter: Mapping[str, Any]) -> Limits | None:
        """Read ``min`` and ``max`` of a parameter; None when there is neither."""
        low, high = parameter.get("min"), parameter.get("max")
        if low is None and high is None:
            return None
        low, high = "-inf" if low is None else low, "inf" if high is None else high
        try:
            return cls(float(low), float(high), f"[{low}, {high}]")
        except (TypeError, ValueError) as error:
            raise NotAllowed(
                f"The description of parameter {parameter['name']!r} has a bad range: {error}"
            ) from error

    def faults(self, name: str, value: Any) -> list[str]:
        """Name the first number in the value that lies outside, if there is one."""
        outside = (number for number in numbers_in(value) if not self.low <= number <= self.high)
        return [
            f"Value {number} is out of range {self.text} (parameter {name!r})"
            for number in itertools.islice(outside, 1)
        ]


class PlanArguments:
    """The compiled description of a plan's parameters."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        parameters: list[Mapping[str, Any]] = list(description.get("parameters") or [])
        self.signature = _signature(parameters)
        self.positional_only = [
            name
            for name, parameter in self.signature.parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        ]
        self._parameters = {parameter["name"]: parameter for parameter in parameters}
        self.rules: dict[str, ConversionRule] = {}
        self.decorator_defaults = _decorator_defaults(parameters)
        self._choices: dict[str, list[str]] = {}
        self._limits: dict[str, Limits] = {}
        self._groups: dict[str, int] = {}
        schemas = {}
        for parameter in parameters:
            name = parameter["name"]
            limits = Limits.of(parameter)
            if limits is not None:
                self._limits[name] = limits
            self._choices[name] = _choices(parameter)
            built, schemas[name] = self._compiled(parameter)
            self.rules[name] = conversion_rule(parameter, built)
        self.callables = [name for name, rule in self.rules.items() if rule.is_strict]
        self._schemas = schemas
        self._validate = compile_validator(schemas).validate_python

    def default(self, name: str) -> Any:
        """Return the value of a parameter's default.

        Raises
        ------
        NotAllowed
            When it has none, or none that is plain data.
        """
        parameter = self._parameters[name]
        if "default" not in parameter:
            raise NotAllowed(f"Parameter {name!r} has no default that can be sent")
        return parameter_default(parameter)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by parameter, as Python would bind them.

        Raises
        ------
        NotAllowed
            With the words Python uses for a call that does not fit.
        """
        try:
            return self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            unknown = next((key for key in kwargs if key not in self.signature.parameters), "")
            hint = did_you_mean(unknown, self.signature.parameters) if unknown else ""
            raise NotAllowed(f"{error}{hint}") from error

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Check a call and return the values by parameter.

        Raises
        ------
        NotAllowed
            When the call does not fit; the text says which value and why.
        """
        bound = self.bind(args, kwargs)
        # All that is wrong in one answer, so that nobody has to ask again and again.
        faults: list[str] = []
        try:
            self._check_grouped(bound) if self._groups else self._check_types(bound)
        except NotAllowed as error:
            faults.append(str(error))
        for name, limits in self._limits.items():
            if name in bound:
                faults.extend(limits.faults(name, bound[name]))
        if faults:
            raise NotAllowed("\n".join(faults))
        return bound

    def _compiled(self, parameter: Mapping[str, Any]) -> tuple[AnnotationType, CoreSchema]:
        name, annotation = parameter["name"], parameter.get("annotation")
        try:
            built = read_annotation(annotation) if annotation else AnnotationType(Any)
            schema = schema_of(built.type)
        except AnnotationError as error:
            text = (annotation or {}).get("type")
            raise NotAllowed(f"Type {text!r} of parameter {name!r} is unknown: {error}") from error
        kind = self.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            size = group_size(built.type)
            if size:
                self._groups[name] = size
            return built, core_schema.list_schema(schema)
        if kind is inspect.Parameter.VAR_KEYWORD:
            return built, core_schema.dict_schema(core_schema.str_schema(), schema)
        return built, schema

    def _check_types(self, bound: Mapping[str, Any]) -> None:
        try:
            validated = self._validate(bound)
        except ValidationError as error:
            shorter = self._shorter(error, bound)
            raise NotAllowed(self._reason(shorter)) from shorter
        converted = [
            f"Incorrect parameter type: key='{name}', value='{_short(value)}' "
            f"({type(value)}), interpreted as '{_short(validated[name])}' ({type(validated[name])})"
            for name, value in bound.items()
            if value is not validated[name] and is_converted(value, validated[name])
        ]
        if converted:
            raise NotAllowed("\n".join(converted))

    def _check_grouped(self, bound: Mapping[str, Any]) -> None:
        """Check with the variadic values in groups, in each way in which they may be meant."""
        ((name, size),) = self._groups.items()
        values = bound.get(name, ())
        ways = list(_groupings(values, size))
        if not ways:
            raise NotAllowed(
                f"Parameter '*{name}' takes its values in groups of {size}, but got {len(values)}"
            )
        for grouped in ways:
            try:
                return self._check_types({**bound, name: grouped})
            except NotAllowed:
                if grouped is ways[-1]:
                    raise
        return None

    def _shorter(self, error: ValidationError, bound: Mapping[str, Any]) -> ValidationError:
        """Return an error that can be told: a report of a million wrong values takes seconds."""
        if error.error_count() <= _MOST_ERRORS:
            return error
        first_only = {name: hasty(schema) for name, schema in self._schemas.items()}
        try:
            compile_validator(first_only).validate_python(bound)
        except ValidationError as shorter:
            return shorter
        return error

    def _reason(self, error: ValidationError) -> str:
        """Return pydantic's report without links, with suggestions for misspelt names."""
        lines = [line for line in str(error).splitlines() if "errors.pydantic.dev" not in line]
        text = _short("\n".join(lines))
        hints: list[str] = []
        for detail in error.errors(include_url=False, include_context=False):
            if len(hints) == _MOST_HINTS:
                break
            value = detail["input"]
            if detail["type"] not in ("enum", "literal_error") or not isinstance(value, str):
                continue
            hint = did_you_mean(value, _alike(value, self._choices.get(str(detail["loc"][0]), [])))
            if hint:
                hints.append(f"\n{value!r}{hint}")
        return text + "".join(hints)


def parameter_default(parameter: Mapping[str, Any]) -> Any:
    """Return the default of a parameter as a value.

    Raises
    ------
    NotAllowed
        When the text of the default is no literal.
    """
    text = parameter["default"]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise NotAllowed(
            f"The default {text!r} of parameter {parameter['name']!r} is no literal value"
        ) from error


def has_default(parameter: Mapping[str, Any]) -> bool:
    """Tell whether a call may leave the parameter out, also if the default is no plain data."""
    return "default" in parameter or "x_default_repr" in parameter


def numbers_in(value: Any) -> Iterator[float]:
    """Yield the numbers of a value: itself, items of lists, values (not keys) of maps."""
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from numbers_in(item)


def parameter_kind(parameter: Mapping[str, Any]) -> inspect._ParameterKind:
    """Return the kind of a described parameter."""
    kind = parameter.get("kind")
    name = kind.get("name") if isinstance(kind, Mapping) else kind
    if name not in _KINDS:
        raise NotAllowed(f"Parameter {parameter['name']!r} is of unknown kind {kind!r}")
    return _KINDS[name]


def _signature(parameters: Sequence[Mapping[str, Any]]) -> inspect.Signature:
    described = []
    for parameter in parameters:
        name = parameter.get("name")
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise NotAllowed(f"The description has a parameter with the bad name {name!r}")
        default = ... if has_default(parameter) else inspect.Parameter.empty
        described.append(inspect.Parameter(name, parameter_kind(parameter), default=default))
    try:
        return inspect.Signature(described)
    except ValueError as error:
        raise NotAllowed(
            f"The parameters of the description do not go together: {error}"
        ) from error


def _decorator_defaults(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        parameter["name"]: parameter_default(parameter)
        for parameter in parameters
        if parameter.get("default_defined_in_decorator") and "default" in parameter
    }


def _choices(parameter: Mapping[str, Any]) -> list[str]:
    annotation = parameter.get("annotation") or {}
    return [
        name
        for key in ("devices", "plans", "enums")
        for names in (annotation.get(key) or {}).values()
        for name in names
    ]


def _groupings(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    if all(isinstance(value, list | tuple) and len(value) == size for value in values):
        yield list(values)
    if len(values) % size == 0:
        yield [list(values[n : n + size]) for n in range(0, len(values), size)]


def _alike(name: str, names: Sequence[str]) -> list[str]:
    """Return names of nearly the same length: comparing with thousands would take long."""
    near = [other for other in names if abs(len(other) - len(name)) <= 2]
    return near[:_MOST_CANDIDATES]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} …"
