"""OCPP 1.6, to the station: orders as calls, and what the answers to them mean. Signed firmware, logs and some triggers
are of the security extension."""

from collections.abc import Mapping
from types import MappingProxyType

from ocpp.v16.enums import (
    Action,
    AuthorizationStatus,
    AvailabilityType,
    Log,
    MessageTrigger,
    ResetType,
    UpdateType,
)

from edge.ocpp.moments import written
from edge.ocpp.rpc import Answered, ErrorCode, Payload, Refused
from edge.ocpp.v16_words import TAG_MAX
from edge.ocpp.version import CallBody, OrderResult
from edge.rules.orders import (
    AskMessage,
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    CollectLog,
    LocalToken,
    Order,
    ReserveEvse,
    ResetStation,
    SendLocalList,
    StartCharging,
    StopCharging,
    UnlockConnector,
    UpdateFirmware,
)

_NO_WORD = frozenset((ErrorCode.NOT_IMPLEMENTED.value, ErrorCode.NOT_SUPPORTED.value, "NotSupported", "NotImplemented"))
_DONE = frozenset(("Accepted", "AcceptedCanceled", "Scheduled", "Unlocked"))
_TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "BootNotification": MessageTrigger.boot_notification,
        "FirmwareStatusNotification": MessageTrigger.firmware_status_notification,
        "Heartbeat": MessageTrigger.heartbeat,
        "MeterValues": MessageTrigger.meter_values,
        "StatusNotification": MessageTrigger.status_notification,
        "TransactionEvent": MessageTrigger.meter_values,
    }
)
"""2.0.1's triggers that TriggerMessage knows (5.17). What a transaction event would tell is in the meter values."""
_EXTENDED_TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "LogStatusNotification": MessageTrigger.log_status_notification,
        "SignChargingStationCertificate": MessageTrigger.sign_charge_point_certificate,
    }
)
_OF_CONNECTOR = frozenset((MessageTrigger.meter_values, MessageTrigger.status_notification))


def order_call(order: Order) -> CallBody | None:
    """The call that an order is; None when 1.6 has no word for it, or not for its token."""
    action_and_payload = _of_charging(order) or _of_station(order) or _of_lists(order)
    return None if action_and_payload is None else CallBody(*action_and_payload)


def order_result(order: Order, told: Answered | Refused) -> OrderResult:
    """What a station's answer to an order means. Without a readable word the order may have been done: UNKNOWN."""
    if isinstance(told, Refused):
        return OrderResult("UNSUPPORTED" if told.code in _NO_WORD else "REJECTED", f"{told.code}: {told.description}")
    details, status = dict(told.payload), told.payload.get("status")
    if isinstance(status, str):
        if status in _DONE:
            return OrderResult("ACCEPTED", "", details)
        return OrderResult("UNSUPPORTED" if status in _NO_WORD else "REJECTED", status, details)
    if told.problem is not None:
        return OrderResult("UNKNOWN", told.problem.description, details)
    if isinstance(order, CollectLog) and not details.get("fileName"):
        # 6.26: no file name means that there is nothing to upload.
        return OrderResult("REJECTED", "the station has no log to upload", details)
    return OrderResult("ACCEPTED", "", details)


def _of_charging(order: Order) -> tuple[str, Payload] | None:
    match order:
        case StartCharging(evse_id, token) if len(token) <= TAG_MAX:
            return Action.remote_start_transaction, {"connectorId": evse_id, "idTag": token}
        case StopCharging(transaction_id) if transaction_id.isdigit():
            return Action.remote_stop_transaction, {"transactionId": int(transaction_id)}
        case UnlockConnector(evse_id):
            return Action.unlock_connector, {"connectorId": evse_id}
        case ReserveEvse(reservation_id, token, expires_ms, evse_id) if len(token) <= TAG_MAX:
            booking = {"reservationId": reservation_id, "idTag": token, "expiryDate": written(expires_ms)}
            return Action.reserve_now, {"connectorId": evse_id or 0, **booking}
        case CancelReservation(reservation_id):
            return Action.cancel_reservation, {"reservationId": reservation_id}
    return None


def _of_station(order: Order) -> tuple[str, Payload] | None:
    match order:
        case ResetStation(when_idle=False, evse_id=None):
            # 5.14: a soft reset ends transactions properly; a hard one may lose what is queued. None waits until idle.
            return Action.reset, {"type": ResetType.soft}
        case ChangeAvailability(operative, evse_id):
            kind = AvailabilityType.operative if operative else AvailabilityType.inoperative
            return Action.change_availability, {"connectorId": evse_id or 0, "type": kind}
        case UpdateFirmware():
            return _firmware(order)
        case CollectLog(_, location, "DIAGNOSTICS"):
            return Action.get_diagnostics, {"location": location}
        case CollectLog(request_id, location):
            wanted = {"logType": Log.security_log, "requestId": request_id}
            return Action.get_log, {**wanted, "log": {"remoteLocation": location}}
        case AskMessage(message, evse_id):
            return _trigger(message, evse_id)
    return None


def _firmware(order: UpdateFirmware) -> tuple[str, Payload]:
    """Signed as the whitepaper has it (L01) when there is a signature; else as in 5.19, which knows no request id."""
    retrieve_at = written(order.retrieve_at_ms)
    if not (order.signing_certificate and order.signature):
        return Action.update_firmware, {"location": order.location, "retrieveDate": retrieve_at}
    firmware = {
        "location": order.location,
        "retrieveDateTime": retrieve_at,
        "signingCertificate": order.signing_certificate,
        "signature": order.signature,
    }
    return Action.signed_update_firmware, {"requestId": order.request_id, "firmware": firmware}


def _trigger(message: str, evse_id: int | None) -> tuple[str, Payload] | None:
    if (extended := _EXTENDED_TRIGGERS.get(message)) is not None:
        return Action.extended_trigger_message, {"requestedMessage": extended}
    if (wanted := _TRIGGERS.get(message)) is None:
        return None
    at = {"connectorId": evse_id} if evse_id is not None and wanted in _OF_CONNECTOR else {}
    return Action.trigger_message, {"requestedMessage": wanted, **at}


def _of_lists(order: Order) -> tuple[str, Payload] | None:
    match order:
        case SendLocalList(version, tokens, full, removed):
            lines = [_listed(token) for token in tokens if len(token.id_token) <= TAG_MAX]
            # 5.15: in a differential update an entry without idTagInfo is taken off the list.
            lines += [{"idTag": token} for token in removed if len(token) <= TAG_MAX and not full]
            kind = UpdateType.full if full else UpdateType.differential
            listed: Payload = {"listVersion": version, "updateType": kind}
            return Action.send_local_list, {**listed, "localAuthorizationList": lines}
        case ClearCache():
            return Action.clear_cache, {}
    return None


def _listed(token: LocalToken) -> Payload:
    info: Payload = {"status": AuthorizationStatus.accepted if token.accepted else AuthorizationStatus.blocked}
    if token.expires_ms is not None:
        info["expiryDate"] = written(token.expires_ms)
    if token.group_id and len(token.group_id) <= TAG_MAX:
        info["parentIdTag"] = token.group_id
    return {"idTag": token.id_token, "idTagInfo": info}
