"""Helpers for tests of programs that talk to a manager."""
