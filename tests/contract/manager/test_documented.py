"""The handwritten pages about status and streams name everything that there is."""

from __future__ import annotations

import re
from pathlib import Path

from qs_jupyter.client.mirror import _HANDLERS, _QUEUE_HANDLERS
from qs_jupyter.testing.running_manager import RunningManager

REFERENCE = Path(__file__).parents[3] / "docs/reference"


def named(page: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", (REFERENCE / page).read_text()))


async def test_the_page_about_the_status_explains_each_field(closed: RunningManager) -> None:
    assert set(closed.status()) - named("status.md") == set()


def test_the_page_about_streams_explains_each_kind_of_event() -> None:
    assert {*_HANDLERS, *_QUEUE_HANDLERS} - named("streams.md") == set()
