"""How properties are checked here: without a look at the clock.

By itself hypothesis fails a test of which one example takes longer than 200 ms, or whose examples
are slow to make. On a machine with other work to do, any of them may.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "no clock", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no clock")
