"""A charging station's end of an OCPP 2.0.1 connection, on the ``ocpp`` package's ChargePoint.

Independent of the product's own server on purpose: where both misread the specification alike, nobody would notice.
The handlers answer at once and send nothing themselves: a call from inside a handler would wait for a reply that only
the loop it blocks can read.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import jsonschema_rs
import ocpp.messages
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)
Fields = dict[str, Any]

CALL_TIMEOUT_REAL_S = 30
VERSION = "2.0.1"
VERSION_16 = "1.6"
DECIMAL_16 = ("SetChargingProfile", "RemoteStartTransaction", "GetCompositeScheduleResponse")
"""Schemas of 1.6 for which the package reads numbers as decimals; those are left to it."""


class _FastValidator:
    """Stands in for a ``jsonschema`` validator in the ``ocpp`` package's cache: the same errors, fifty times faster."""

    def __init__(self, schema: Fields) -> None:
        self._validator = jsonschema_rs.validator_for(schema)

    def validate(self, payload: object) -> None:
        """Raise jsonschema's ValidationError, whose ``validator`` the package turns into an OCPP error code."""
        error = next(self._validator.iter_errors(payload), None)
        if error is not None:
            raise ocpp.messages.SchemaValidationError(error.message, validator=error.kind.name)


def install_fast_validators() -> None:
    """Fill the validator cache of the ``ocpp`` package and stop it from using a thread per message.

    The cache is private to the package, which is pinned; raises AttributeError at once should it be gone.
    """
    cache = ocpp.messages._validators
    for version, folder in ((VERSION, "v201"), (VERSION_16, "v16")):
        for path in (Path(ocpp.messages.__file__).parent / folder / "schemas").glob("*.json"):
            if path.stem not in DECIMAL_16:
                cache[f"{path.stem}_{version}"] = _FastValidator(json.loads(path.read_text(encoding="utf-8-sig")))
    ocpp.messages.ASYNC_VALIDATION = False
    # It writes every frame at INFO, and its errors come back to us as exceptions.
    logging.getLogger("ocpp").setLevel(logging.CRITICAL)


class Commands(Protocol):
    """What a station does about each request of the CSMS: fields in, fields of the answer out, all in snake_case."""

    async def set_charging_profile(self, request: Fields) -> Fields: ...
    def clear_charging_profile(self, request: Fields) -> Fields: ...
    def get_transaction_status(self, request: Fields) -> Fields: ...
    def set_variables(self, request: Fields) -> Fields: ...
    def get_variables(self, request: Fields) -> Fields: ...
    def trigger_message(self, request: Fields) -> Fields: ...
    def request_start_transaction(self, request: Fields) -> Fields: ...
    def request_stop_transaction(self, request: Fields) -> Fields: ...
    def change_availability(self, request: Fields) -> Fields: ...
    def reset(self, request: Fields) -> Fields: ...
    def unlock_connector(self, request: Fields) -> Fields: ...
    def get_base_report(self, request: Fields) -> Fields: ...


Handler = TypeVar("Handler", bound=Callable[..., Any])


def handles(action: str) -> Callable[[Handler], Handler]:
    """The package's ``on`` with types."""
    return cast("Callable[[Handler], Handler]", on(action))


@dataclass(frozen=True, slots=True)
class Boot:
    """The answer to a BootNotification."""

    status: str
    interval_s: int


class Wire(Protocol):
    """One connection in one OCPP version, as the station above it sees it. Each raises OCPPError for a CALLERROR or an
    invalid answer, TimeoutError for none, and ConnectionClosed."""

    async def serve(self) -> None: ...
    async def boot(self, vendor: str, model: str, reason: str) -> Boot: ...
    async def authorize(self, token: Fields) -> str: ...
    async def tell(self, notice: Any) -> None: ...
    async def tell_event(self, fields: Fields) -> str | None: ...


class Talk:
    """Reading and asking, over the ``ocpp`` package's ChargePoint of either version."""

    id: str
    _connection: ClientConnection
    call: Callable[..., Any]
    route_message: Callable[..., Any]

    async def serve(self) -> None:
        """Read until the connection closes (raises websockets' ConnectionClosed). A frame that the package chokes on
        is left out, so that it does not take the station down."""
        while True:
            frame = await self._connection.recv()
            try:
                await self.route_message(frame)
            except (TypeError, ValueError, LookupError, RecursionError) as error:
                log.warning("unreadable frame", extra={"station_id": self.id, "error": repr(error)})

    async def ask(self, request: Any) -> Any:
        """Send a ``call`` payload and return its ``call_result``.

        Raises OCPPError for a CALLERROR or an invalid answer, TimeoutError for none, ConnectionClosed.
        """
        try:
            return await self.call(request, suppress=False)
        finally:
            # The package waits with asyncio.wait_for, which before Python 3.12 swallows a cancellation that comes in
            # the same moment as the answer.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError


class Client(Talk, ChargePoint):  # type: ignore[misc]  # the ocpp package ships no types
    """A connection in OCPP 2.0.1. Requests that are not here are answered NotImplemented by the package."""

    def __init__(self, station_id: str, connection: ClientConnection, commands: Commands) -> None:
        super().__init__(station_id, connection, response_timeout=CALL_TIMEOUT_REAL_S)
        self._commands = commands

    async def boot(self, vendor: str, model: str, reason: str) -> Boot:
        """B01."""
        about = {"vendor_name": vendor, "model": model, "firmware_version": "1.0.0"}
        reply = await self.ask(call.BootNotification(charging_station=about, reason=reason))
        return Boot(reply.status, reply.interval)

    async def authorize(self, token: Fields) -> str:
        """C01: the status of a token."""
        reply = await self.ask(call.Authorize(id_token=token))
        return str(reply.id_token_info["status"])

    async def tell(self, notice: Any) -> None:
        """Send what the device has to say beside its transactions."""
        await self.ask(notice)

    async def tell_event(self, fields: Fields) -> str | None:
        """E01 to E03: one TransactionEvent; the status of the token in it, if it was judged."""
        info = (await self.ask(call.TransactionEvent(**fields))).id_token_info
        return None if info is None else str(info["status"])

    @handles("SetChargingProfile")
    async def on_set_charging_profile(self, **request: Any) -> Any:
        return call_result.SetChargingProfile(**await self._commands.set_charging_profile(request))

    @handles("ClearChargingProfile")
    def on_clear_charging_profile(self, **request: Any) -> Any:
        return call_result.ClearChargingProfile(**self._commands.clear_charging_profile(request))

    @handles("GetTransactionStatus")
    def on_get_transaction_status(self, **request: Any) -> Any:
        return call_result.GetTransactionStatus(**self._commands.get_transaction_status(request))

    @handles("SetVariables")
    def on_set_variables(self, **request: Any) -> Any:
        return call_result.SetVariables(**self._commands.set_variables(request))

    @handles("GetVariables")
    def on_get_variables(self, **request: Any) -> Any:
        return call_result.GetVariables(**self._commands.get_variables(request))

    @handles("TriggerMessage")
    def on_trigger_message(self, **request: Any) -> Any:
        return call_result.TriggerMessage(**self._commands.trigger_message(request))

    @handles("RequestStartTransaction")
    def on_request_start_transaction(self, **request: Any) -> Any:
        return call_result.RequestStartTransaction(**self._commands.request_start_transaction(request))

    @handles("RequestStopTransaction")
    def on_request_stop_transaction(self, **request: Any) -> Any:
        return call_result.RequestStopTransaction(**self._commands.request_stop_transaction(request))

    @handles("ChangeAvailability")
    def on_change_availability(self, **request: Any) -> Any:
        return call_result.ChangeAvailability(**self._commands.change_availability(request))

    @handles("Reset")
    def on_reset(self, **request: Any) -> Any:
        return call_result.Reset(**self._commands.reset(request))

    @handles("UnlockConnector")
    def on_unlock_connector(self, **request: Any) -> Any:
        return call_result.UnlockConnector(**self._commands.unlock_connector(request))

    @handles("GetBaseReport")
    def on_get_base_report(self, **request: Any) -> Any:
        return call_result.GetBaseReport(**self._commands.get_base_report(request))
