"""One request in, one reply out; never raises.

The order of checks is the documented one: unknown parameters, lock key, required parameters
and their types, and then whatever the method itself checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api import request_log, table
from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.parameters import LOCK_KEY
from qs_jupyter.errors import BadRequest, Failure, Refusal, WrongState, did_you_mean

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

logger = logging.getLogger(__name__)

Reply = Mapping[str, Any]
_REQUEST_KEYS = ("method", "params")


class Dispatcher:
    """Binds requests to the methods of the table and shapes their replies."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._table = METHODS

    def handle(self, request: Any, respond: Callable[[Reply], None]) -> None:
        """Answer one decoded request through ``respond``, at once or when it is done.

        Methods that only read answer before this returns; the others go on as a task, so
        that no request waits for another one's durability or worker.
        """
        try:
            method, params = self._parse(request)
        except Refusal as refusal:
            respond({"success": False, "msg": str(refusal)})
            return
        if request_log.is_wanted(method):
            respond = request_log.told(method, params, respond)
        if not self._manager.core.is_ready and not method.ignores_unknown:
            self._manager.core.spawn(self._when_ready(method, params, respond), method.name)
            return
        self._call(method, params, respond)

    async def _when_ready(
        self, method: table.Method, params: dict[str, Any], respond: Callable[[Reply], None]
    ) -> None:
        await self._manager.core.ready()
        self._call(method, params, respond)

    def _call(
        self, method: table.Method, params: dict[str, Any], respond: Callable[[Reply], None]
    ) -> None:
        try:
            arguments = self._bind(method, params)
            result = method.handler(self._manager, **arguments)
        except Exception as error:  # noqa: BLE001 - the rim of a request
            respond(self._refusal(method, params, error))
            return
        if isinstance(result, Awaitable):
            self._manager.core.spawn(self._finish(method, params, result, respond), method.name)
        else:
            respond(_success(method, result))

    async def call(self, name: str, **params: Any) -> Reply:
        """Carry out one request inside this process and return its reply."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.handle({"method": name, "params": params}, future.set_result)
        return await future

    async def _finish(
        self,
        method: table.Method,
        params: Mapping[str, Any],
        result: Awaitable[Reply],
        respond: Callable[[Reply], None],
    ) -> None:
        try:
            reply = _success(method, await result)
        except Exception as error:  # noqa: BLE001 - the rim of a request
            reply = self._refusal(method, params, error)
        respond(reply)

    def _parse(self, request: Any) -> tuple[table.Method, dict[str, Any]]:
        if not isinstance(request, dict):
            raise BadRequest(f"Incorrect request type: {type(request)}. Dictionary is expected")
        unexpected = [key for key in request if key not in _REQUEST_KEYS]
        if "method" not in request:
            raise BadRequest(f"Invalid request format: method is not specified: {request!r}")
        if unexpected:
            raise BadRequest(
                f"Request contains unexpected keys {unexpected}. Allowed keys: {_REQUEST_KEYS}"
            )
        name = request["method"]
        method = self._table.get(name) if isinstance(name, str) else None
        if method is None:
            raise BadRequest(f"Unknown method {name!r}{did_you_mean(name, self._table)}")
        params = request.get("params")
        if params is None:
            params = {}
        if not isinstance(params, dict):
            raise BadRequest(
                f"Invalid request format: 'params' must be a dictionary, not {type(params)}"
            )
        return method, params

    def _bind(self, method: table.Method, params: dict[str, Any]) -> dict[str, Any]:
        if method.ignores_unknown:
            return {}
        if params or method.lock:
            self._check_names(method, params)
        if method.lock is not None:
            key = params.get("lock_key")
            if key is not None:
                LOCK_KEY.check("lock_key", key)
            self._manager.core.check_lock(method.lock, key)
        if method.writes:
            self._manager.core.check_store()
        arguments = {p.name: _value(p, params) for p in method.parameters}
        self._manager.permissions.check_api(method.name, arguments.get("user_group"))
        return arguments

    def _check_names(self, method: table.Method, params: dict[str, Any]) -> None:
        known = method.parameter_names
        unknown = [name for name in params if name not in known]
        if unknown:
            names = repr(unknown[0]) if len(unknown) == 1 else repr(unknown)
            raise BadRequest(
                f"API request contains unsupported parameters: {names}. "
                f"Supported parameters: {known}"
            )

    def _refusal(
        self, method: table.Method, params: Mapping[str, Any], error: Exception
    ) -> dict[str, Any]:
        prefix = method.refused
        if isinstance(error, WrongState):
            prefix = method.state_refused
        elif isinstance(error, Refusal) and error.bare:
            prefix = ""
        if isinstance(error, Refusal | Failure):
            text = str(error)
        else:
            logger.error("Internal error while answering %r", method.name, exc_info=error)
            text = f"Internal error: {type(error).__name__}: {error}"
        reply: dict[str, Any] = {"success": False, "msg": prefix + text, **method.reply}
        for name in method.echo:
            if name in params:
                reply[name] = params[name]
        if method.sized:
            reply["qsize"] = len(self._manager.core.queue)
        if isinstance(error, Refusal):
            reply.update(error.reply)
        return reply


def _success(method: table.Method, result: Reply) -> Reply:
    if method.ignores_unknown:
        return result
    return {"success": True, "msg": "", **result}


def _value(parameter: table.Parameter, params: Mapping[str, Any]) -> Any:
    if parameter.name not in params or (params[parameter.name] is None and parameter.kind.null):
        if parameter.required:
            raise BadRequest(parameter.kind.missing_text(parameter.name))
        return parameter.default
    return parameter.kind.check(parameter.name, params[parameter.name])
