"""OCPP 2.0.1, to the station: orders as calls, and what the answers to them mean."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ocpp.v201.enums import (
    Action,
    AuthorizationStatusEnumType,
    IdTokenEnumType,
    LogEnumType,
    MessageTriggerEnumType,
    OperationalStatusEnumType,
    ResetEnumType,
    UpdateEnumType,
)

from edge.ocpp.moments import written
from edge.ocpp.rpc import Answered, ErrorCode, Payload, Refused
from edge.ocpp.version import CallBody, OrderResult
from edge.rules.inputs import OrderOutcome
from edge.rules.orders import (
    AskMessage,
    AskTransaction,
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

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")
_UID_TYPES = MappingProxyType(
    {
        8: IdTokenEnumType.iso14443,
        14: IdTokenEnumType.iso14443,
        20: IdTokenEnumType.iso14443,
        16: IdTokenEnumType.iso15693,
    }
)
"""How many hexadecimal digits the UID of a card has, by its standard."""
_DONE = frozenset(("Accepted", "AcceptedCanceled", "Scheduled", "Unlocked"))
_NO_WORD = frozenset((ErrorCode.NOT_IMPLEMENTED.value, ErrorCode.NOT_SUPPORTED.value))


def order_call(order: Order) -> CallBody | None:
    """The call that an order is. OCPP 2.0.1 has a word for each; None for one that this version does not know."""
    action_and_payload = _of_charging(order) or _of_station(order) or _of_lists(order)
    return None if action_and_payload is None else CallBody(*action_and_payload)


def order_result(order: Order, told: Answered | Refused) -> OrderResult:
    """What a station's answer to an order means. Without a readable word the order may have been done: UNKNOWN."""
    if isinstance(told, Refused):
        return OrderResult("UNSUPPORTED" if told.code in _NO_WORD else "REJECTED", f"{told.code}: {told.description}")
    details = {name: value for name, value in told.payload.items() if name not in ("customData", "statusInfo")}
    if isinstance(order, AskTransaction):
        readable = isinstance(details.get("messagesInQueue"), bool)
        return OrderResult("ACCEPTED", "", details) if readable else _unreadable(told)
    status = details.get("status")
    if not isinstance(status, str):
        return _unreadable(told)
    if status in _DONE:
        return OrderResult("ACCEPTED", "", details)
    outcome: OrderOutcome = "UNSUPPORTED" if status == "NotImplemented" else "REJECTED"
    return OrderResult(outcome, _reason(status, told.payload), details)


def id_token(token: str) -> Payload:
    """A token with the type that a station knows it by: a card's UID by its length, all else as ours (Central). A
    station compares both when it looks a card up in its list (D01, C13)."""
    of_card = _UID_TYPES.get(len(token)) if _HEXADECIMAL.fullmatch(token) else None
    return {"idToken": token, "type": of_card or IdTokenEnumType.central}


def _of_charging(order: Order) -> tuple[str, Payload] | None:
    match order:
        case StartCharging(evse_id, token, remote_start_id):
            asked = {"evseId": evse_id, "idToken": id_token(token), "remoteStartId": remote_start_id}
            return Action.request_start_transaction, asked
        case StopCharging(transaction_id):
            return Action.request_stop_transaction, {"transactionId": transaction_id}
        case UnlockConnector(evse_id, connector_id):
            return Action.unlock_connector, {"evseId": evse_id, "connectorId": connector_id}
        case AskTransaction(transaction_id):
            return Action.get_transaction_status, {"transactionId": transaction_id}
        case ReserveEvse(reservation_id, token, expires_ms, evse_id):
            booking = {"id": reservation_id, "expiryDateTime": written(expires_ms), "idToken": id_token(token)}
            return Action.reserve_now, booking | ({} if evse_id is None else {"evseId": evse_id})
        case CancelReservation(reservation_id):
            return Action.cancel_reservation, {"reservationId": reservation_id}
    return None


def _of_station(order: Order) -> tuple[str, Payload] | None:
    match order:
        case ResetStation(when_idle, evse_id):
            kind = ResetEnumType.on_idle if when_idle else ResetEnumType.immediate
            return Action.reset, {"type": kind, **({} if evse_id is None else {"evseId": evse_id})}
        case ChangeAvailability(operative, evse_id):
            status = OperationalStatusEnumType.operative if operative else OperationalStatusEnumType.inoperative
            return Action.change_availability, {"operationalStatus": status, **_evse(evse_id)}
        case UpdateFirmware():
            firmware = {"location": order.location, "retrieveDateTime": written(order.retrieve_at_ms)}
            signed = {"signingCertificate": order.signing_certificate, "signature": order.signature}
            firmware |= {name: value for name, value in signed.items() if value}
            return Action.update_firmware, {"requestId": order.request_id, "firmware": firmware}
        case CollectLog(request_id, location, kind):
            of_kind = LogEnumType.security_log if kind == "SECURITY" else LogEnumType.diagnostics_log
            return Action.get_log, {"logType": of_kind, "requestId": request_id, "log": {"remoteLocation": location}}
        case AskMessage(message, evse_id):
            # F06.FR.12: a status is asked for by connector, or the station must reject.
            of_connector = message == MessageTriggerEnumType.status_notification
            at = _evse(evse_id, connector_id=1 if of_connector else None)
            return Action.trigger_message, {"requestedMessage": message, **at}
    return None


def _of_lists(order: Order) -> tuple[str, Payload] | None:
    match order:
        case SendLocalList(version, tokens, full, removed):
            lines = [_listed(token) for token in tokens] + [{"idToken": id_token(token)} for token in removed]
            listed: Payload = {
                "versionNumber": version,
                "updateType": UpdateEnumType.full if full else UpdateEnumType.differential,
            }
            return Action.send_local_list, listed | ({"localAuthorizationList": lines} if lines else {})
        case ClearCache():
            return Action.clear_cache, {}
    return None


def _listed(token: LocalToken) -> Payload:
    accepted = AuthorizationStatusEnumType.accepted if token.accepted else AuthorizationStatusEnumType.blocked
    info: Payload = {"status": accepted}
    if token.expires_ms is not None:
        info["cacheExpiryDateTime"] = written(token.expires_ms)
    if token.group_id:
        info["groupIdToken"] = {"idToken": token.group_id, "type": IdTokenEnumType.central}
    return {"idToken": id_token(token.id_token), "idTokenInfo": info}


def _evse(evse_id: int | None, connector_id: int | None = None) -> Payload:
    if evse_id is None:
        return {}
    return {"evse": {"id": evse_id, **({} if connector_id is None else {"connectorId": connector_id})}}


def _unreadable(told: Answered) -> OrderResult:
    return OrderResult("UNKNOWN", told.problem.description if told.problem else "an answer without a status")


def _reason(status: str, payload: Mapping[str, Any]) -> str:
    info = payload.get("statusInfo")
    words = (
        [str(info[name]) for name in ("reasonCode", "additionalInfo") if name in info] if isinstance(info, dict) else []
    )
    return ": ".join([status, *words])
