"""`@method`: the declaration from which everything else about an API method is derived.

A method is a function whose first argument is the manager. Its other arguments are the
wire parameters, in their documented order; each is annotated with one of the kinds of
`qs_jupyter.api.parameters`, which knows how a value is checked. From the declaration come
the dispatcher, the lock check, the replies of refusals, the command phrases, completion,
the client methods and the reference page.

This room and the rooms of methods are read by command lines too: nothing heavy is
imported here.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from qs_jupyter.api.parameters import Kind

LockScope = Literal["environment", "queue"]
Handler = Callable[..., Mapping[str, Any] | Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One wire parameter: its name, how it is checked, and what stands for its absence."""

    name: str
    kind: Kind
    required: bool
    default: Any


@dataclass(frozen=True, slots=True)
class Method:
    """Everything that is known about one API method.

    ``refused`` precedes the text of a refused request, ``state_refused`` the text of a
    refusal for the present state. ``reply`` names the fields of the reply beyond ``success``
    and ``msg``, with the values they have in a refusal; a field in ``echo`` returns what the
    request held instead. A ``sized`` method tells the length of the queue, ``qsize``, in refusals
    too. ``starts`` tells that success means accepted, not done; ``writes``
    that the method changes what the store keeps and is refused while the store is away.
    ``begins`` and ``done`` are what a verbose log says of a request; nothing if it is ``quiet``.
    """

    name: str
    handler: Handler
    parameters: tuple[Parameter, ...]
    lock: LockScope | None
    refused: str
    state_refused: str
    reply: Mapping[str, Any]
    echo: tuple[str, ...]
    sized: bool
    phrases: tuple[str, ...]
    starts: bool
    writes: bool
    ignores_unknown: bool
    begins: str
    done: str
    quiet: bool
    doc: str

    @property
    def parameter_names(self) -> list[str]:
        """Names a request may hold, in their documented order."""
        names = [parameter.name for parameter in self.parameters]
        if self.lock is not None:
            names.append("lock_key")
        return names


TABLE: dict[str, Method] = {}


def method(
    *,
    lock: LockScope | None = None,
    refused: str = "Error: ",
    state_refused: str | None = None,
    reply: Mapping[str, Any] | None = None,
    echo: tuple[str, ...] = (),
    sized: bool = False,
    phrases: tuple[str, ...] = (),
    starts: bool = False,
    writes: bool = False,
    ignores_unknown: bool = False,
    log: tuple[str, str] | None = None,
    quiet: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare the decorated function as the API method of its name.

    ``log`` stands for ``begins`` and ``done`` of `Method`, where clients look for certain words.
    """

    def declare(handler: Handler) -> Handler:
        name = handler.__name__
        begins, done = log or (f"Request '{name}'", f"Request '{name}' is done")
        TABLE[name] = Method(
            name=name,
            handler=handler,
            parameters=tuple(_parameters(handler)),
            lock=lock,
            refused=refused,
            state_refused=refused if state_refused is None else state_refused,
            reply=dict(reply or {}),
            echo=echo,
            sized=sized,
            phrases=phrases,
            starts=starts,
            writes=writes,
            ignores_unknown=ignores_unknown,
            begins=begins,
            done=done,
            quiet=quiet,
            doc=inspect.getdoc(handler) or "",
        )
        return handler

    return declare


def _parameters(handler: Handler) -> list[Parameter]:
    module = inspect.getmodule(handler)
    namespace = dict(vars(module)) if module else {}
    parameters = []
    for name, parameter in list(inspect.signature(handler).parameters.items())[1:]:
        annotation = parameter.annotation
        if isinstance(annotation, str):
            # Rooms of methods postpone annotations because the manager's type is known to
            # type checkers only; the parameter kinds are real objects of those rooms.
            annotation = eval(annotation, namespace)
        kind = _kind(annotation, name, handler)
        required = parameter.default is inspect.Parameter.empty
        parameters.append(Parameter(name, kind, required, None if required else parameter.default))
    return parameters


def _kind(annotation: Any, name: str, handler: Handler) -> Kind:
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, Kind):
                return extra
    raise TypeError(f"{handler.__name__}: parameter {name!r} has no declared kind")
