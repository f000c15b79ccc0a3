"""What a simulated station does about each request of the CSMS: fields in, fields of the answer out (snake_case).

Nothing is sent from here. What a request sets in motion is queued in the device and sent after the answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ocpp.exceptions import NotImplementedError as OcppNotImplementedError
from ocpp.v201 import call

from hardware.simulator import profiles as charging_profiles
from hardware.simulator.device import ALIGNED_INTERVAL, HEARTBEAT_INTERVAL, TX_INTERVAL, WRITABLE, Behaviour, Device
from hardware.simulator.memory import Fields
from hardware.simulator.outlet import Outlet, stamp
from hardware.simulator.profiles import ProfileError, parse_profile

SLOW_REAL_S = 3.0
"""How long a slow station thinks about a limit. Real seconds: it is the CSMS's time-out that it strains."""
INTERVALS = (TX_INTERVAL, ALIGNED_INTERVAL, HEARTBEAT_INTERVAL)


class StationCommands:
    """The answers of one station. ``now_ms`` reads its clock."""

    def __init__(self, device: Device, now_ms: Callable[[], int]) -> None:
        self._device = device
        self._now_ms = now_ms

    async def set_charging_profile(self, request: Fields) -> Fields:
        """K01. How it is obeyed is the station's behaviour."""
        device = self._device
        match device.behaviour:
            case Behaviour.IGNORES:
                return {"status": "Accepted"}
            case Behaviour.REJECTS:
                return _no("Rejected", "NotSupported")
            case Behaviour.UNSUPPORTED:
                raise OcppNotImplementedError(description="SetChargingProfile is not implemented")
            case Behaviour.SLOW:
                await asyncio.sleep(SLOW_REAL_S)
        evse_id, body = request["evse_id"], request["charging_profile"]
        if evse_id != 0 and evse_id not in device.outlets:
            return _no("Rejected", "UnknownEvse")
        if body["charging_profile_purpose"] == charging_profiles.TX:
            outlet = device.running(body.get("transaction_id", ""))
            if outlet is None or outlet.evse.evse_id != evse_id:
                return _no("Rejected", "TxNotFound")
        now_ms = self._now_ms()
        try:
            new = parse_profile(evse_id, body, device.supply, now_ms)
            device.hold(charging_profiles.install(device.profiles, new), now_ms)
        except ProfileError as error:
            return _no("Rejected", error.reason_code, str(error))
        return {"status": "Accepted"}

    def clear_charging_profile(self, request: Fields) -> Fields:
        """K10."""
        left = charging_profiles.clear(self._device.profiles, request)
        if len(left) == len(self._device.profiles):
            return {"status": "Unknown"}
        self._device.hold(left, self._now_ms())
        return {"status": "Accepted"}

    def get_transaction_status(self, request: Fields) -> Fields:
        """E14: whether messages wait, of one transaction or of any."""
        transaction_id = request.get("transaction_id")
        if transaction_id is None:
            return {"messages_in_queue": bool(self._device.outbox)}
        waiting = any(m["transaction_info"]["transaction_id"] == transaction_id for _, m in self._device.outbox)
        ongoing = self._device.running(transaction_id) is not None
        return {"messages_in_queue": waiting, "ongoing_indicator": ongoing}

    def set_variables(self, request: Fields) -> Fields:
        """B05."""
        return {"set_variable_result": [self._set(item) for item in request["set_variable_data"]]}

    def _set(self, item: Fields) -> Fields:
        component, variable = item["component"], item["variable"]
        name = (component["name"], variable["name"])
        value: str = item["attribute_value"]
        if name not in self._device.variables:
            known = any(component["name"] == c for c, _ in self._device.variables)
            status = "UnknownVariable" if known else "UnknownComponent"
        elif name not in WRITABLE or (name in INTERVALS and not value.isdigit()):
            status = "Rejected"
        else:
            self._device.variables[name] = value
            self._device.changed()
            status = "Accepted"
        return {"attribute_status": status, "component": component, "variable": variable}

    def get_variables(self, request: Fields) -> Fields:
        """B06."""
        return {"get_variable_result": [self._get(item) for item in request["get_variable_data"]]}

    def _get(self, item: Fields) -> Fields:
        component, variable = item["component"], item["variable"]
        echo = {"component": component, "variable": variable}
        name = (component["name"], variable["name"])
        if name == ("EVSE", "SupplyPhases"):
            return {"attribute_status": "Accepted", "attribute_value": str(self._device.supply.phases), **echo}
        if name in self._device.variables:
            return {"attribute_status": "Accepted", "attribute_value": self._device.variables[name], **echo}
        known = any(component["name"] == c for c, _ in self._device.variables)
        return {"attribute_status": "UnknownVariable" if known else "UnknownComponent", **echo}

    def trigger_message(self, request: Fields) -> Fields:
        """F06. Triggers for the whole station, whichever EVSE is named."""
        match request["requested_message"]:
            case "StatusNotification":
                self._device.notify_status(self._now_ms())
            case "MeterValues":
                self._device.notify_meters("Trigger", self._now_ms())
            case "TransactionEvent":
                self._device.sample(self._now_ms())
            case "Heartbeat":
                self._notice(call.Heartbeat())
            case _:
                return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def request_start_transaction(self, request: Fields) -> Fields:
        """F01, for a car that is plugged in; without one there is nothing to start."""
        wanted = request.get("evse_id")
        outlets = [o for i, o in self._device.outlets.items() if wanted in (None, i) and o.car and not o.transaction]
        if not outlets:
            return _no("Rejected", "NoCable", "no car is waiting there")
        transaction_id = self._device.begin(
            outlets[0].evse.evse_id,
            self._now_ms(),
            "RemoteStart",
            id_token=request["id_token"],
            remote_start_id=request["remote_start_id"],
        )
        return {"status": "Accepted", "transaction_id": transaction_id} if transaction_id else {"status": "Rejected"}

    def request_stop_transaction(self, request: Fields) -> Fields:
        """F03: the energy stops; the transaction ends when the plug is pulled (TxStopPoint)."""
        stopped = self._device.disallow(request["transaction_id"], self._now_ms(), "RemoteStop")
        return {"status": "Accepted" if stopped else "Rejected"}

    def change_availability(self, request: Fields) -> Fields:
        """G03, G04."""
        chosen = self._chosen(request.get("evse"))
        if not chosen:
            return _no("Rejected", "UnknownEvse")
        for outlet in chosen:
            outlet.operative = request["operational_status"] == "Operative"
        self._device.notify_status(self._now_ms())
        return {"status": "Scheduled" if any(o.transaction for o in chosen) else "Accepted"}

    def _chosen(self, evse: Fields | None) -> list[Outlet]:
        return [o for i, o in self._device.outlets.items() if evse is None or evse["id"] == i]

    def reset(self, request: Fields) -> Fields:
        """B11, B12: of the whole station only."""
        if request.get("evse_id") is not None:
            return _no("Rejected", "NotSupported", "an EVSE cannot be reset alone")
        busy = any(outlet.transaction for outlet in self._device.outlets.values())
        if request["type"] == "OnIdle" and busy:
            self._device.reset_type = "OnIdle"
            return {"status": "Scheduled"}
        self._device.reset_now(self._now_ms())
        return {"status": "Accepted"}

    def unlock_connector(self, request: Fields) -> Fields:
        """F05."""
        outlet = self._device.outlets.get(request["evse_id"])
        if outlet is None or request["connector_id"] != 1:
            return {"status": "UnknownConnector"}
        return {"status": "OngoingAuthorizedTransaction" if outlet.transaction else "Unlocked"}

    def get_base_report(self, request: Fields) -> Fields:
        """B07, in one NotifyReport."""
        data = [
            {
                "component": {"name": component},
                "variable": {"name": name},
                "variable_attribute": [{"value": value}],
            }
            for (component, name), value in self._device.variables.items()
        ]
        generated_at = stamp(self._now_ms())
        self._notice(
            call.NotifyReport(request_id=request["request_id"], generated_at=generated_at, seq_no=0, report_data=data)
        )
        return {"status": "Accepted"}

    def _notice(self, message: Any) -> None:
        self._device.notices.append(message)
        self._device.changed()


def _no(status: str, reason_code: str, text: str = "") -> Fields:
    info = {"reason_code": reason_code} | ({"additional_info": text[:512]} if text else {})
    return {"status": status, "status_info": info}
