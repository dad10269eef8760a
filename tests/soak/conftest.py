"""Managers for the campaigns, as in the acceptance tests."""

from __future__ import annotations

from tests.acceptance.conftest import make_home, make_manager

__all__ = ["make_home", "make_manager"]
