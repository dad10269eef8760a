"""The lock of environment and queue: scopes, key, emergency key, stored records.

The lock stops requests, never work that is under way. A stored record that is damaged keeps
what it protects closed: each part that is missing or of the wrong type falls to the safe
side, and a record without a readable key is opened by the emergency key only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from qs_jupyter.errors import BadRequest, Locked

Scope = Literal["environment", "queue"]

_ROUNDS = 20_000
_DAMAGED_NOTE = "The stored lock record is damaged; the emergency key opens it"


@dataclass(frozen=True, slots=True)
class HashedKey:
    """A lock key that can be recognised but not read."""

    salt: bytes
    digest: bytes
    rounds: int = _ROUNDS

    @classmethod
    def of(cls, key: str, salt: bytes) -> HashedKey:
        """Hash a key with a salt that nobody else uses."""
        return cls(salt, _digest(key, salt, _ROUNDS))


@dataclass(frozen=True, slots=True)
class Lock:
    """What is locked, by whom, with which key. ``uid`` changes with every lock and unlock.

    ``key`` is text after `locked_by`, a hash after a start from a store that keeps only
    that, and None when unlocked or when the stored record was damaged.
    """

    uid: str
    environment: bool = False
    queue: bool = False
    key: str | HashedKey | None = field(default=None, repr=False)
    user: str | None = None
    time: float | None = None
    note: str | None = None

    @property
    def is_locked(self) -> bool:
        """Whether anything is locked."""
        return self.environment or self.queue

    def fits(self, key: str) -> bool:
        """Return whether this is the key; takes the same time for every wrong one."""
        if isinstance(self.key, HashedKey):
            given = _digest(key, self.key.salt, self.key.rounds)
            return hmac.compare_digest(given, self.key.digest)
        return self.key is not None and _same(key, self.key)

    def check(self, lock_key: Any, scope: Scope | None, *, emergency_key_is_set: bool) -> None:
        """Refuse a request without the key while its scope is locked."""
        _check_optional_key(lock_key)
        if scope is None or not getattr(self, scope):
            return
        if not lock_key or not self.fits(lock_key):
            raise self._wrong_key(emergency_key_is_set)

    def check_info_key(self, lock_key: Any, *, emergency_key_is_set: bool) -> None:
        """Refuse a key, when one is given, that would not open the lock."""
        _check_optional_key(lock_key)
        if lock_key is not None and self.is_locked and not self.fits(lock_key):
            raise self._wrong_key(emergency_key_is_set)

    def locked_by(
        self, request: LockRequest, *, now: float, uid: str, emergency_key: str | None
    ) -> Lock:
        """Return the lock after a request to lock, or to lock anew with the same key."""
        is_emergency = emergency_key is not None and _same(request.lock_key, emergency_key)
        if is_emergency or (self.is_locked and not self.fits(request.lock_key)):
            if not self.is_locked:
                raise Locked("The emergency lock key can not be used to lock RE Manager")
            raise Locked(
                "RE Manager was locked with a different key: \n"
                f"{self.message(emergency_key_is_set=emergency_key is not None)}"
            )
        return Lock(
            uid=uid,
            environment=request.environment,
            queue=request.queue,
            key=request.lock_key,
            user=request.user,
            time=now,
            note=request.note,
        )

    def unlocked_by(self, lock_key: Any, *, uid: str, emergency_key: str | None) -> Lock:
        """Return the lock after a request to unlock; itself when it was not locked."""
        key = _required_key(lock_key)
        if not self.is_locked:
            return self
        if not (self.fits(key) or (emergency_key is not None and _same(key, emergency_key))):
            raise self._wrong_key(emergency_key is not None)
        return Lock(uid=uid)

    def info(self, *, emergency_key_is_set: bool) -> dict[str, Any]:
        """Return what clients may know about the lock."""
        return {
            "environment": self.environment,
            "queue": self.queue,
            "user": self.user,
            "time": self.time,
            "time_str": self._time_text,
            "note": self.note,
            "emergency_lock_key_is_set": emergency_key_is_set,
        }

    def message(self, *, emergency_key_is_set: bool) -> str:
        """Return the block of text that tells people who holds the lock."""
        return (
            f"RE Manager is locked by {self.user} at {self._time_text}\n"
            f"Environment is locked: {self.environment}\n"
            f"Queue is locked:       {self.queue}\n"
            f"Emergency lock key:    {'set' if emergency_key_is_set else 'not set'}\n"
            f"Note: {self.note or '---'}"
        )

    def record(self) -> dict[str, Any]:
        """Return the documented record, with the key in clear text where it is known."""
        return self._record(self.key if isinstance(self.key, str) else None)

    def hashed_record(self, salt: bytes) -> dict[str, Any]:
        """Return the record for a store that need not give the key away."""
        hashed = HashedKey.of(self.key, salt) if isinstance(self.key, str) else self.key
        if hashed is None:
            return self._record(None)
        return self._record(
            {"salt": hashed.salt.hex(), "digest": hashed.digest.hex(), "rounds": hashed.rounds}
        )

    @classmethod
    def from_record(cls, record: Any, new_uid: str) -> Lock:
        """Return the lock that a store has kept, in either form.

        ``new_uid`` serves a record that has lost its own.
        """
        fields: Mapping[str, Any] = record if isinstance(record, Mapping) else {}
        uid = fields.get("uid")
        uid = uid if isinstance(uid, str) else new_uid
        # Only a plain false says that something was not locked.
        environment = fields.get("environment") is not False
        queue = fields.get("queue") is not False
        if not (environment or queue):
            return cls(uid=uid)
        key, user = _stored_key(fields.get("lock_key")), fields.get("user")
        time, note = fields.get("time"), fields.get("note")
        is_time = isinstance(time, int | float) and not isinstance(time, bool)
        return cls(
            uid=uid,
            environment=environment,
            queue=queue,
            key=key,
            user=user if isinstance(user, str) else "unknown",
            time=time if is_time else None,
            note=_DAMAGED_NOTE if key is None else note if isinstance(note, str) else None,
        )

    @property
    def _time_text(self) -> str:
        if self.time is None:
            return ""
        try:
            moment = datetime.fromtimestamp(self.time, tz=UTC).astimezone()
        except (ValueError, OverflowError, OSError):
            return ""
        return moment.strftime("%m/%d/%Y %H:%M:%S")

    def _record(self, key: Any) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "queue": self.queue,
            "lock_key": key,
            "note": self.note,
            "user": self.user,
            "time": self.time,
            "uid": self.uid,
        }

    def _wrong_key(self, emergency_key_is_set: bool) -> Locked:
        message = self.message(emergency_key_is_set=emergency_key_is_set)
        return Locked(f"Invalid lock key: \n{message}")


@dataclass(frozen=True, slots=True)
class LockRequest:
    """Checked parameters of a request to lock."""

    lock_key: str = field(repr=False)
    user: str
    environment: bool
    queue: bool
    note: str | None

    @classmethod
    def parse(
        cls, lock_key: Any, user: Any, environment: Any, queue: Any, note: Any
    ) -> LockRequest:
        """Check what a client sent."""
        key = _required_key(lock_key)
        if not isinstance(user, str) or not user:
            raise BadRequest(f"User name must be a non-empty string: user = {user!r}")
        for name, value in (("environment", environment), ("queue", queue)):
            if not isinstance(value, bool):
                raise BadRequest(f"Parameter '{name}' must be a boolean: {name} = {value!r}")
        if not (environment or queue):
            raise BadRequest("Invalid option: environment and/or queue must be selected")
        if note is not None and not isinstance(note, str):
            raise BadRequest(f"Note must be a string or None: note = {note!r}")
        return cls(key, user, environment, queue, note)


def _check_optional_key(lock_key: Any) -> None:
    if lock_key is not None and not isinstance(lock_key, str):
        raise BadRequest(f"Lock key must be a non-empty string or None: lock_key = {lock_key!r}")


def _required_key(lock_key: Any) -> str:
    if not isinstance(lock_key, str) or not lock_key:
        raise BadRequest("Lock key must be a non-empty string")
    return lock_key


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _bytes(key: str) -> bytes:
    # JSON can carry half of a surrogate pair; a key may not make the check fail.
    return key.encode("utf-8", "surrogatepass")


# The key in use comes with every request; hashing it anew each time would cost milliseconds.
@lru_cache(maxsize=8)
def _digest(key: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", _bytes(key), salt, rounds)


def _stored_key(stored: Any) -> str | HashedKey | None:
    if isinstance(stored, str) and stored:
        return stored
    if not isinstance(stored, Mapping):
        return None
    try:
        salt, digest = bytes.fromhex(stored["salt"]), bytes.fromhex(stored["digest"])
        rounds = stored["rounds"]
    except (KeyError, TypeError, ValueError):
        return None
    sound = salt and digest and isinstance(rounds, int) and 0 < rounds <= 10_000_000
    return HashedKey(salt, digest, rounds) if sound else None
