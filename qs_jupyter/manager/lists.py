"""Existing and allowed plans and devices: where they come from and who is told.

The lists come from a file at start, from the worker after each opening, and from it again
when a script changed them. What is allowed is derived by the catalogue, per user group, when
somebody asks.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from qs_jupyter.encoded import EncodedText
from qs_jupyter.errors import BadRequest, QueueServerError, Refusal
from qs_jupyter.lists_file import read_lists, write_lists
from qs_jupyter.manager.core import Core
from qs_jupyter.model.catalogue import Catalogue
from qs_jupyter.model.existing import ExistingLists, read_existing
from qs_jupyter.model.permissions import Permissions
from qs_jupyter.model.plans import chosen_devices
from qs_jupyter.profiles import is_sim_profile

logger = logging.getLogger(__name__)

ALLOWED = ("plans_allowed_uid", "devices_allowed_uid")
Names = Mapping[str, Any]


class Lists:
    """Keeps the catalogue of the manager and the texts that clients read of it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.catalogue = Catalogue({}, {}, Permissions.nothing())
        self.generation: int | None = None
        self._texts: dict[tuple[str, str | None], tuple[str, asyncio.Task[str]]] = {}
        self._saving = asyncio.Lock()

    # ------------------------------------------------------------------ what clients read

    async def reply(self, kind: str, group: str | None = None) -> Mapping[str, Any]:
        """Return the reply fields with one list and its UID: existing, or allowed to a group.

        Put together in a thread, once per change, so that nobody waits for a large beamline.
        """
        sort = "existing" if group is None else "allowed"
        uid = self._core.uids[f"{kind}_{sort}_uid"]
        known = self._texts.get((kind, group))
        if known is None or known[0] != uid:
            if group is not None and not self.catalogue.has_group(group):
                raise BadRequest(f"Unknown user group: '{group}'")
            work = asyncio.to_thread(_encoded, self.catalogue, kind, group)
            known = (uid, asyncio.create_task(work, name=f"encode {kind}"))
            self._texts[kind, group] = known
        text = await asyncio.shield(known[1])
        return {f"{kind}_{sort}": EncodedText(text), f"{kind}_{sort}_uid": uid}

    def prepare(self) -> None:
        """Have a thread work out what follows from the lists, before a client waits for it."""
        if self._core.is_ready:
            self._core.spawn(self._prepare(), "prepare lists")

    async def _prepare(self) -> None:
        try:
            await asyncio.to_thread(self.catalogue.prepare)
        except Refusal as refusal:
            logger.error("%s. Groups with this pattern may use nothing.", refusal)  # noqa: TRY400

    # --------------------------------------------------------------------------- changes

    def replace(self, plans: Names, devices: Names, *, from_disk: bool = False) -> None:
        """Take new existing lists; only the UIDs of what differs change."""
        old = self.catalogue
        changed = [
            kind
            for kind, before, after in (
                ("plans", old.plans, plans),
                ("devices", old.devices, devices),
            )
            if from_disk or before != after
        ]
        if not changed:
            return
        self.catalogue = old.with_lists(plans, devices)
        self.prepare()
        existing = [f"{kind}_existing_uid" for kind in changed]
        allowed = {f"{kind}_allowed_uid" for kind in changed}
        # Allowed plans list the devices that may be chosen, so they may follow these as well.
        if _differ(old.devices, devices, chosen_devices(plans)):
            allowed.add("plans_allowed_uid")
        self._core.renew(*existing, *sorted(allowed))

    async def tried(self, permissions: Permissions) -> Catalogue:
        """Work out what would follow from other permissions, in a thread.

        Raises
        ------
        Refusal
            A pattern in them takes too long with the present names.
        """
        catalogue = self.catalogue.with_permissions(permissions)
        await asyncio.to_thread(catalogue.prepare)
        return catalogue

    def set_permissions(self, permissions: Permissions, tried: Catalogue | None = None) -> None:
        """Use other permissions from now on; ``tried`` is what was worked out of them."""
        old = self.catalogue
        if tried is not None and tried.plans is old.plans and tried.devices is old.devices:
            self.catalogue = tried
        else:
            self.catalogue = old.with_permissions(permissions)
            self.prepare()
        self._core.renew(*ALLOWED)

    async def update_from_worker(self) -> None:
        """Ask the worker for its lists, or for what changed in them."""
        from qs_kernel_worker.messages import GetLists  # noqa: PLC0415

        reply = await self._core.driver.request(GetLists(since=self.generation), timeout_s=30)
        plans, devices = reply["plans"], reply["devices"]
        if reply.get("since") is not None:
            plans = _merge(self.catalogue.plans, plans)
            devices = _merge(self.catalogue.devices, devices)
        self.generation = reply["generation"]
        self.replace(plans, devices)

    # ------------------------------------------------------------------------------ files

    async def load_file(self) -> None:
        """Read the lists file; a missing or broken one leaves the lists as they are."""
        path = self._path()
        if path is None or not _is_there(path):
            logger.warning(
                "The file with the lists of existing plans and devices (%s) does not exist. "
                "The lists stay empty until the environment is opened for the first time.",
                path,
            )
            return
        try:
            found = await asyncio.to_thread(_sound_lists, path)
        except QueueServerError as error:
            logger.warning("%s. The lists stay empty until the environment is opened.", error)
            return
        if found.plans or found.devices:
            self.replace(found.plans, found.devices, from_disk=True)

    async def reload_file(self) -> None:
        """Take the lists of the file in place of those in use.

        Raises
        ------
        QueueServerError
            The file is missing or cannot be read; the lists stay as they are.
        """
        path = self._path()
        if path is None:
            raise BadRequest("The path to the list of existing plans and devices is not specified")
        found = await asyncio.to_thread(_sound_lists, path)
        self.replace(found.plans, found.devices, from_disk=True)

    async def save_file(self, occasion: str) -> None:
        """Write the lists file if the settings ask for it on this occasion and it differs.

        ``occasion`` is ``ENVIRONMENT_OPEN`` or ``ALWAYS``.
        """
        settings = self._core.settings
        rule = settings.update_existing_plans_devices
        path = self._path()
        if path is None or is_sim_profile(path.parent) or rule == "NEVER":
            return
        if rule != "ALWAYS" and occasion == "ALWAYS":
            return
        # One after the other, each with the lists of its moment: the last ones stay in the file.
        async with self._saving:
            found = self.catalogue
            try:
                await asyncio.to_thread(_save_if_different, path, found.plans, found.devices)
            except (OSError, QueueServerError) as error:
                text = "The lists could not be written to '%s': %s"
                logger.error(text, path, error)  # noqa: TRY400

    def _path(self) -> Path | None:
        path = self._core.settings.existing_plans_and_devices_path
        return Path(path) if path else None


def _encoded(catalogue: Catalogue, kind: str, group: str | None) -> str:
    """Return a list as JSON text. Entry by entry, which lets other threads run in between."""
    names: Names
    if group is None:
        names = catalogue.plans if kind == "plans" else catalogue.devices
    elif kind == "plans":
        names = catalogue.plans_allowed(group)
    else:
        names = catalogue.devices_allowed(group)
    entries = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in names.items()]
    return f"{{{', '.join(entries)}}}"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # to read it will tell what is wrong


def _sound_lists(path: Path) -> ExistingLists:
    """Read the file; entries that nobody can use are left out, with a warning."""
    plans, devices = read_lists(path)
    found = read_existing({"existing_plans": plans, "existing_devices": devices})
    for warning in found.warnings:
        logger.warning("Lists file '%s': %s", path, warning)
    return found


def _save_if_different(path: Path, plans: Names, devices: Names) -> None:
    if _is_there(path):
        try:
            if read_lists(path) == (plans, devices):
                return
        except QueueServerError:
            logger.warning("The lists file '%s' cannot be read and is written anew", path)
    write_lists(path, plans, devices)
    logger.info("The lists of existing plans and devices were written to '%s'", path)


def _differ(old: Names, new: Names, dotted: Collection[str]) -> bool:
    """Tell whether one of the named devices, or what it is part of, differs."""
    roots = {name.partition(".")[0] for name in dotted}
    return any(old.get(root) != new.get(root) for root in roots)


def _merge(known: Names, difference: Names) -> dict[str, Any]:
    merged = {name: entry for name, entry in known.items() if name not in difference}
    merged.update({name: entry for name, entry in difference.items() if entry is not None})
    return merged
