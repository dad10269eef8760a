"""Plans with types of all kinds; annotations are postponed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, List, Literal, NewType, Optional, Tuple, TypeVar, Union

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky.protocols import (
    Flyable,
    HasName,
    Locatable,
    Movable,
    NamedMovable,
    Readable,
    Stoppable,
    Triggerable,
)
from bluesky.utils import Msg, MsgGenerator, plan
from pydantic import BaseModel, Field

T = TypeVar("T")
Energy = NewType("Energy", float)


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Edge(str, enum.Enum):
    K = "K"
    L3 = "L3"


@dataclass
class Region:
    start: float = 0.0
    stop: float = 1.0
    points: int = 2
    tags: list[str] = field(default_factory=list)


class Model(BaseModel):
    name: str = "unknown"
    thickness: float = Field(1.0, gt=0)


def xas(
    detectors: Sequence[Readable],
    axis: Movable[float],
    *,
    region: Region = Region(),
    mode: Mode = Mode.FAST,
    edge: Edge | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Scan an axis over a region."""
    assert isinstance(region, Region)
    md = {"mode": Mode(mode).value, "edge": edge and Edge(edge).value, **(md or {})}
    return (yield from bp.scan(detectors, axis, region.start, region.stop, region.points, md=md))


def typed(
    number: int,
    real: float = 1.0,
    text: str = "text",
    flag: bool = False,
    choice: Literal["a", "b"] = "a",
    maybe: Optional[int] = None,
    either: Union[int, str] = 1,
    several: List[float] = [1.0, 2.0],
    pair: Tuple[int, float] = (1, 2.0),
    many: tuple[int, ...] = (),
    table: dict[str, list[int]] = {},
    names: set[str] = frozenset(),
    anything: Any = ...,
    path: Path = Path("/data"),
    limited: Annotated[int, "of a kind"] = 3,
    energy: Energy = Energy(8979.0),
    model: Model = Model(),
    unknown: NoSuchType = None,
    generic: Generic[T] = None,
) -> Generator[Msg, Any, None]:
    """All kinds of types, which must all be described or at least not be in the way."""
    yield from bps.null()


def protocols(
    readable: Readable[float],
    movable: NamedMovable,
    locatable: Locatable[float],
    triggerable: Triggerable,
    named: HasName = monitor,
    stoppable: Stoppable | None = None,
    flyer: Flyable | None = None,
    several: Iterable[Readable] | Readable = (),
):
    for device in (readable, movable, locatable, triggerable, named):
        assert not isinstance(device, str), device
    yield from bps.null()


def follow(detectors: list[Readable], *pairs: Movable | float, num: int = 2):
    yield from bp.scan(detectors, *pairs, num=num)


def on_each(detectors: list[Readable], step: Callable[[int], str] = str, each: Callable = print):
    assert callable(step)
    yield from bp.count(detectors)


@bpp.stage_decorator([monitor])
@bpp.run_decorator()
def staged(times: int = 1):
    for _ in range(times):
        yield from bps.trigger_and_read([monitor])


@plan
def marked(device: Movable, value: float) -> MsgGenerator:
    """Marked as a plan by bluesky's own decorator."""
    return (yield from bps.mv(device, value))


@bpp.subs_decorator([])
@bpp.baseline_decorator([chopper])
def with_baseline(num: int = 1):
    return (yield from bp.count([monitor], num))


def positional(first: int, second: str = "b", /, third: float = 0.5, *, fourth: bool = True):
    yield from bps.null()


def no_plan(number: int) -> Iterator[int]:
    return iter(range(number))


async def neither(number: int):
    yield number


def energies(start: float, stop: float, num: int = 3) -> list[float]:
    """A function, for clients to call."""
    return [start + n * (stop - start) / (num - 1) for n in range(num)]
