"""The lock: keys, scopes, texts, stored records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qs_jupyter.errors import BadRequest, Locked
from qs_jupyter.model.lock import Lock, LockRequest


def request(key: str = "k1", *, environment: bool = False, queue: bool = True) -> LockRequest:
    return LockRequest.parse(key, "Jane", environment, queue, None)


def locked(key: str = "k1", **scopes: bool) -> Lock:
    return Lock("u0").locked_by(request(key, **scopes), now=1.5e9, uid="u1", emergency_key="EM")


def test_only_the_locked_scope_needs_the_key() -> None:
    lock = locked()
    lock.check("k1", "queue", emergency_key_is_set=False)
    lock.check(None, "environment", emergency_key_is_set=False)
    lock.check("anything", None, emergency_key_is_set=False)
    for key in (None, "", "k2", "EM"):
        with pytest.raises(Locked, match="Invalid lock key: "):
            lock.check(key, "queue", emergency_key_is_set=True)
    with pytest.raises(BadRequest, match="non-empty string or None: lock_key = 5"):
        lock.check(5, "environment", emergency_key_is_set=False)


def test_the_refusal_tells_who_holds_the_lock_and_never_the_key() -> None:
    with pytest.raises(Locked) as refusal:
        locked("secret-key").check("k", "queue", emergency_key_is_set=True)
    first, *block = str(refusal.value).splitlines()
    assert first == "Invalid lock key: "
    assert block[0].startswith("RE Manager is locked by Jane at 07/1")
    assert block[1:] == [
        "Environment is locked: False", "Queue is locked:       True",
        "Emergency lock key:    set", "Note: ---",
    ]  # fmt: skip
    assert "secret-key" not in str(refusal.value) + repr(locked("secret-key"))


def test_the_same_key_locks_anew_another_one_does_not() -> None:
    again = locked().locked_by(
        request(environment=True, queue=False), now=2.0, uid="u2", emergency_key=None
    )
    assert (again.environment, again.queue, again.uid) == (True, False, "u2")
    with pytest.raises(Locked, match="RE Manager was locked with a different key: "):
        locked().locked_by(request("k2"), now=2.0, uid="u2", emergency_key=None)


def test_the_emergency_key_opens_but_does_not_lock() -> None:
    assert locked().unlocked_by("EM", uid="u2", emergency_key="EM") == Lock("u2")
    with pytest.raises(Locked):
        locked("EM")
    with pytest.raises(Locked):
        locked().locked_by(request("EM"), now=2.0, uid="u2", emergency_key="EM")
    with pytest.raises(Locked):
        locked().check_info_key("EM", emergency_key_is_set=True)


def test_unlocking_what_is_not_locked_changes_nothing() -> None:
    lock = Lock("u0")
    assert lock.unlocked_by("any", uid="u1", emergency_key=None) is lock
    lock.check_info_key("any", emergency_key_is_set=False)
    with pytest.raises(BadRequest, match="Lock key must be a non-empty string"):
        lock.unlocked_by(None, uid="u1", emergency_key=None)


def test_clients_learn_everything_but_the_key() -> None:
    info = locked().info(emergency_key_is_set=True)
    assert list(info) == [
        "environment", "queue", "user", "time", "time_str", "note", "emergency_lock_key_is_set",
    ]  # fmt: skip
    assert Lock("u").info(emergency_key_is_set=False)["time_str"] == ""


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ((None, "J", False, True, None), "Lock key must be a non-empty string"),
        (("", "J", False, True, None), "Lock key must be a non-empty string"),
        ((7, "J", False, True, None), "Lock key must be a non-empty string"),
        (("k", None, False, True, None), "User name must be a non-empty string"),
        (("k", "", False, True, None), "User name must be a non-empty string"),
        (("k", "J", False, False, None), "environment and/or queue must be selected"),
        (("k", "J", "yes", False, None), "Parameter 'environment' must be a boolean"),
        (("k", "J", False, True, 5), "Note must be a string or None"),
    ],
)
def test_unusable_parameters_are_refused(parameters: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        LockRequest.parse(*parameters)
    assert text in str(refusal.value)


def test_the_documented_record_holds_the_key_and_the_hashed_one_does_not() -> None:
    lock = locked()
    assert list(lock.record()) == [
        "environment", "queue", "lock_key", "note", "user", "time", "uid",
    ]  # fmt: skip
    assert Lock.from_record(json.loads(json.dumps(lock.record())), "new") == lock
    hashed = json.loads(json.dumps(lock.hashed_record(b"salt")))
    assert "k1" not in json.dumps(hashed)
    back = Lock.from_record(hashed, "new")
    assert back.fits("k1")
    assert not back.fits("k2")
    assert back.hashed_record(b"other") == hashed
    assert (back.uid, back.user, back.time) == ("u1", "Jane", 1.5e9)


def test_an_open_record_keeps_its_uid() -> None:
    assert Lock.from_record(Lock("u7").record(), "new") == Lock("u7")


@pytest.mark.parametrize(
    "record",
    [None, [], "x", {}, {"environment": False}, {"environment": 0, "queue": 0, "lock_key": None}],
)
def test_a_damaged_record_locks_everything_and_only_the_emergency_key_opens(record: Any) -> None:
    lock = Lock.from_record(record, "new")
    assert lock.environment or lock.queue
    assert lock.queue
    for key in ("", "None", "k1"):
        assert not lock.fits(key)
    assert "damaged" in lock.message(emergency_key_is_set=True)
    assert not lock.unlocked_by("EM", uid="u", emergency_key="EM").is_locked


def test_a_record_without_its_flags_keeps_its_key() -> None:
    lock = Lock.from_record({"lock_key": "k1", "user": "J"}, "new")
    assert lock.environment
    assert lock.queue
    assert lock.fits("k1")
