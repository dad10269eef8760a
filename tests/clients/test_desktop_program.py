"""The model behind the windows of the desktop program drives our manager unchanged."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_desktop")]


def test_a_day_at_the_beamline_passes_in_the_desktop_program(manager):
    manager.walk("desktop.py")
