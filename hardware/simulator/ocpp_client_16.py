"""A charging station's end of an OCPP 1.6J connection. The station thinks in 2.0.1; here it speaks as a 1.6 one does:
numbered transactions, connectors, configuration keys.

The number that the central system gave a transaction is noted in the station's memory, so that what was queued while
the link was down, and what a restart left over, can be told under it.
"""

from typing import Any

from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v201 import call as call_201
from websockets.asyncio.client import ClientConnection

from hardware.simulator import words_16 as words
from hardware.simulator.device import ALIGNED_INTERVAL, HEARTBEAT_INTERVAL, RATE_UNIT, TX_INTERVAL, Device, Variable
from hardware.simulator.memory import Fields, Memory
from hardware.simulator.ocpp_client import CALL_TIMEOUT_REAL_S, Boot, Commands, Talk, handles

STOPS = ("RemoteStop", "Deauthorized")
"""With these a 1.6 station ends the transaction at once, the car still plugged in."""
KEYS: dict[str, Variable] = {
    "MeterValueSampleInterval": TX_INTERVAL,
    "MeterValuesSampledData": ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "ClockAlignedDataInterval": ALIGNED_INTERVAL,
    "HeartbeatInterval": HEARTBEAT_INTERVAL,
}
UNITS = {"A": "Current", "W": "Power"}


class Client16(Talk, ChargePoint):  # type: ignore[misc]  # the ocpp package ships no types
    """A connection in OCPP 1.6. Requests that are not here are answered NotImplemented by the package."""

    def __init__(self, device: Device, connection: ClientConnection, commands: Commands, memory: Memory) -> None:
        super().__init__(device.doc.station_id, connection, response_timeout=CALL_TIMEOUT_REAL_S)
        self._device = device
        self._commands = commands
        self._memory = memory

    # From the station.

    async def boot(self, vendor: str, model: str, _reason: str) -> Boot:
        """4.2: why it boots has no word."""
        about = call.BootNotification(charge_point_vendor=vendor, charge_point_model=model, firmware_version="1.0.0")
        reply = await self.ask(about)
        return Boot(reply.status, reply.interval)

    async def authorize(self, token: Fields) -> str:
        """4.1: the status of an id tag."""
        reply = await self.ask(call.Authorize(id_tag=token["id_token"]))
        return str(reply.id_tag_info["status"])

    async def tell(self, notice: Any) -> None:
        """Send what the device has to say beside its transactions."""
        match notice:
            case call_201.StatusNotification(timestamp=timestamp, evse_id=evse_id):
                await self._tell_status(evse_id, words.status_of(self._device.outlets[evse_id]), timestamp)
            case call_201.MeterValues(evse_id=evse_id, meter_value=values):
                running = self._device.outlets[evse_id].transaction
                number = None if running is None else self._memory.noted(running.transaction_id)
                await self._tell_meters(evse_id, number, values)
            case call_201.Heartbeat():
                await self.ask(call.Heartbeat())

    async def tell_event(self, fields: Fields) -> str | None:
        """A transaction's event as StartTransaction, MeterValues, StatusNotification or StopTransaction (4.7 to 4.10);
        the status of the id tag, if it was judged. One whose start was given up, or that is stopped, is passed over."""
        about, evse_id, at = fields["transaction_info"], fields["evse"]["id"], fields["timestamp"]
        name, kind, trigger = about["transaction_id"], fields["event_type"], fields["trigger_reason"]
        if kind == "Started":
            return await self._start(fields)
        number = self._memory.noted(name)
        if number is None:
            return None
        if kind == "Ended" or trigger in STOPS:
            reason = {"RemoteStop": "Remote", "Deauthorized": "DeAuthorized"}.get(trigger, about.get("stopped_reason"))
            await self._stop(fields, number, words.STOPPED_REASONS.get(reason, reason))
            return None
        if trigger == "ChargingStateChanged" and about["charging_state"] != "EVConnected":
            await self._tell_status(evse_id, about["charging_state"], at)
        await self._tell_meters(evse_id, number, fields["meter_value"])
        return None

    async def _start(self, fields: Fields) -> str:
        reply = await self.ask(
            call.StartTransaction(
                connector_id=fields["evse"]["id"],
                id_tag=fields["id_token"]["id_token"],
                meter_start=words.register_wh(fields["meter_value"][0]),
                timestamp=fields["timestamp"],
            )
        )
        self._memory.note(fields["transaction_info"]["transaction_id"], reply.transaction_id)
        return str(reply.id_tag_info["status"])

    async def _stop(self, fields: Fields, number: int, reason: str) -> None:
        await self.ask(
            call.StopTransaction(
                transaction_id=number,
                meter_stop=words.register_wh(fields["meter_value"][0]),
                timestamp=fields["timestamp"],
                reason=reason,
                transaction_data=[words.meter_value(value) for value in fields["meter_value"]],
            )
        )
        self._memory.note(fields["transaction_info"]["transaction_id"], None)

    async def _tell_status(self, evse_id: int, status: str, timestamp: str) -> None:
        await self.ask(
            call.StatusNotification(connector_id=evse_id, error_code="NoError", status=status, timestamp=timestamp)
        )

    async def _tell_meters(self, evse_id: int, number: int | None, values: list[Fields]) -> None:
        told = [words.meter_value(value) for value in values]
        await self.ask(call.MeterValues(connector_id=evse_id, transaction_id=number, meter_value=told))

    def _named(self, number: int | None) -> str | None:
        """The running transaction of a number."""
        running = [o.transaction.transaction_id for o in self._device.outlets.values() if o.transaction]
        return next((name for name in running if number is not None and self._memory.noted(name) == number), None)

    # To the station.

    @handles("SetChargingProfile")
    async def on_set_charging_profile(self, **request: Any) -> Any:
        number = request["cs_charging_profiles"].get("transaction_id")
        answer = await self._commands.set_charging_profile(words.profile_request(request, self._named(number)))
        return call_result.SetChargingProfile(**words.status_only(answer, unsupported="NotSupported"))

    @handles("ClearChargingProfile")
    def on_clear_charging_profile(self, **request: Any) -> Any:
        answer = self._commands.clear_charging_profile(words.clear_request(request))
        return call_result.ClearChargingProfile(**words.status_only(answer))

    @handles("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        values = self._configuration()
        known = [{"key": name, "readonly": name not in KEYS, "value": value} for name, value in values.items()]
        asked = [x for x in known if key is None or x["key"] in key]
        return call_result.GetConfiguration(asked, [name for name in key or () if name not in values])

    def _configuration(self) -> dict[str, str]:
        rotation = "NotApplicable" if self._device.supply.phases == 1 else "RST"
        units = self._device.variables[RATE_UNIT].split(",")
        return {
            **{name: self._device.variables[variable] for name, variable in KEYS.items()},
            "NumberOfConnectors": str(len(self._device.outlets)),
            "ChargingScheduleAllowedChargingRateUnit": ",".join(UNITS[unit] for unit in units),
            "ConnectorPhaseRotation": ",".join(f"{evse_id}.{rotation}" for evse_id in self._device.outlets),
        }

    @handles("ChangeConfiguration")
    def on_change_configuration(self, key: str, value: str, **_: Any) -> Any:
        if key not in KEYS:
            return call_result.ChangeConfiguration("Rejected" if key in self._configuration() else "NotSupported")
        component, variable = KEYS[key]
        item = {"component": {"name": component}, "variable": {"name": variable}, "attribute_value": value}
        answer = self._commands.set_variables({"set_variable_data": [item]})
        return call_result.ChangeConfiguration(answer["set_variable_result"][0]["attribute_status"])

    @handles("TriggerMessage")
    def on_trigger_message(self, **request: Any) -> Any:
        return call_result.TriggerMessage(**words.status_only(self._commands.trigger_message(request)))

    @handles("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, connector_id: int | None = None, **_: Any) -> Any:
        token = {"id_token": id_tag, "type": "Central"}
        wanted = {"id_token": token, "remote_start_id": 0, **({"evse_id": connector_id} if connector_id else {})}
        return call_result.RemoteStartTransaction(**words.status_only(self._commands.request_start_transaction(wanted)))

    @handles("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int, **_: Any) -> Any:
        wanted = {"transaction_id": self._named(transaction_id) or ""}
        return call_result.RemoteStopTransaction(**words.status_only(self._commands.request_stop_transaction(wanted)))

    @handles("ChangeAvailability")
    def on_change_availability(self, connector_id: int, type: str, **_: Any) -> Any:  # noqa: A002  (1.6's own name)
        at = {"evse": {"id": connector_id}} if connector_id else {}
        answer = self._commands.change_availability({"operational_status": type, **at})
        return call_result.ChangeAvailability(**words.status_only(answer))

    @handles("Reset")
    def on_reset(self, **_: Any) -> Any:
        return call_result.Reset(**words.status_only(self._commands.reset({"type": "Immediate"})))

    @handles("UnlockConnector")
    def on_unlock_connector(self, connector_id: int, **_: Any) -> Any:
        answer = self._commands.unlock_connector({"evse_id": connector_id, "connector_id": 1})
        failed, unknown = {"OngoingAuthorizedTransaction": "UnlockFailed"}, {"UnknownConnector": "NotSupported"}
        return call_result.UnlockConnector(**words.status_only(answer, **failed, **unknown))
