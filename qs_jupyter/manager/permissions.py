"""Permissions: where they come from, and which of the sources wins.

A dictionary is validated as a whole before anything changes. When neither the file nor the
store has a valid one, no group may do anything: a typing error must not open every door.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from qs_jupyter.errors import BadRequest, NotAllowed, Refusal, yaml_problem
from qs_jupyter.manager.bounded_search import compile_bounded
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import changes
from qs_jupyter.model.catalogue import Catalogue
from qs_jupyter.model.permissions import ROOT, Permissions

logger = logging.getLogger(__name__)


class PermissionsKeeper:
    """Reads, changes and stores the permissions of the user groups."""

    def __init__(self, core: Core, lists: Lists) -> None:
        self._core = core
        self._lists = lists

    @property
    def data(self) -> Mapping[str, Any]:
        """The dictionary in force."""
        return self._lists.catalogue.permissions.data

    async def load(self, stored: Mapping[str, Any] | None, *, is_restart: bool) -> None:
        """Take over permissions at a start of the manager."""
        self._core.stored_permissions = stored
        reload = self._core.settings.user_group_permissions_reload
        sources = [self._from_store, self._from_file]
        if reload == "ON_STARTUP" and not is_restart:
            sources.reverse()
        for source in sources:
            try:
                permissions = await source()
            except Refusal as refusal:
                logger.warning("%s", refusal)
                continue
            self.use(permissions)
            return
        logger.error(
            "No valid user group permissions were found: no group may use any plan or device. "
            "Correct the file '%s' and reload the permissions.",
            self._core.settings.user_group_permissions_path,
        )

    async def set(self, data: Any) -> None:
        """Use another dictionary; an equal one changes nothing.

        Raises
        ------
        Refusal
            Something in the dictionary is wrong, or a pattern in it takes too long; everything
            stays as it was.
        """
        if data == self.data:
            return
        permissions = await asyncio.to_thread(parse, data)
        self.use(permissions, await self._lists.tried(permissions))

    def check_api(self, method: str, user_group: Any) -> None:
        """Refuse a method that the permissions take from the group.

        A request that names no group, or one that is not known, is bound by ``root`` alone.

        Raises
        ------
        NotAllowed
            The group may not call the method.
        """
        permissions = self._lists.catalogue.permissions
        if not permissions.narrows_api:
            return
        group = user_group if user_group in permissions.groups else ROOT
        if not permissions.allows_api(group, method):
            raise NotAllowed(f"Method {method!r} is not allowed for users from {group!r} group.")

    async def read(self, *, from_file: bool) -> Permissions:
        """Return the permissions of the file, or those of the store.

        Raises
        ------
        Refusal
            The settings forbid it, or the source is missing or invalid.
        """
        if from_file and self._core.settings.user_group_permissions_reload == "NEVER":
            raise BadRequest(
                "Restoring user group permissions from disk is not allowed: RE Manager was "
                "started with option user_group_permissions_reload='NEVER'"
            )
        return await (self._from_file() if from_file else self._from_store())

    def use(self, permissions: Permissions, tried: Catalogue | None = None) -> None:
        """Have the permissions in force from now on."""
        self._lists.set_permissions(permissions, tried)
        if permissions.data != self._core.stored_permissions:
            self._core.stored_permissions = permissions.data
            self._core.record(changes.PermissionsSet(permissions.data))

    async def _from_file(self) -> Permissions:
        path = self._core.settings.user_group_permissions_path
        if not path:
            raise BadRequest("The path to the file with user group permissions is not specified")
        return await asyncio.to_thread(read_permissions, Path(path))

    async def _from_store(self) -> Permissions:
        if self._core.stored_permissions is None:
            raise BadRequest("The store holds no user group permissions")
        return await asyncio.to_thread(parse, self._core.stored_permissions)


def parse(data: Any) -> Permissions:
    """Validate a dictionary of permissions; no pattern in it can hold up the manager.

    Raises
    ------
    BadRequest
        Something in it is wrong; the text says what.
    """
    return Permissions.parse(data, compile_bounded)


def read_permissions(path: Path) -> Permissions:
    """Read and validate a permissions file.

    Raises
    ------
    BadRequest
        The file is missing or not valid; the text names it and says why.
    """
    try:
        return parse(yaml.safe_load(path.read_text()))
    except FileNotFoundError:
        raise BadRequest(f"File '{path}' does not exist") from None
    except (OSError, UnicodeError, RecursionError, yaml.YAMLError, BadRequest) as error:
        raise BadRequest(
            f"Error while loading user group permissions from file '{path}': {yaml_problem(error)}"
        ) from error
