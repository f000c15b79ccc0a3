"""OCPP 2.0.1, from the station: what each of its 25 messages means to the rules, and how it is answered (part 2).

Every message gets the answer its schema asks for. What the product does not do is refused in the word that the
specification has for it (``UnknownVendorId``, ``Failed``, ``Rejected``), so that a station goes on without it. Reports
are in ``v201_reports``.
"""

from types import MappingProxyType

from ocpp.v201.enums import (
    Action,
    AuthorizationStatusEnumType,
    AuthorizeCertificateStatusEnumType,
    DataTransferStatusEnumType,
    GenericStatusEnumType,
    GetCertificateStatusEnumType,
    IdTokenEnumType,
    Iso15118EVCertificateStatusEnumType,
    MessageFormatEnumType,
    NotifyEVChargingNeedsStatusEnumType,
    ReadingContextEnumType,
    TransactionEventEnumType,
)

from edge.ocpp import (
    answers,
    metering,
    signed_values,
    v201_by_hand,
    v201_calls,
    v201_model,
    v201_orders,
    v201_reports,
    v201_security,
)
from edge.ocpp.moments import instant
from edge.ocpp.rpc import Payload
from edge.ocpp.version import Handler, Request, Version
from edge.rules.inputs import (
    Answer,
    Authorization,
    AuthorizeAsked,
    BootReported,
    ConnectorReported,
    Input,
    MeterReported,
    NeedsTaken,
    TransactionReported,
)

_MESSAGE_MAX = 512
_CONTRACT = ("certificate", "iso15118CertificateHashData")
_CONTEXT_OF = MappingProxyType(
    {
        TransactionEventEnumType.started: ReadingContextEnumType.transaction_begin,
        TransactionEventEnumType.ended: ReadingContextEnumType.transaction_end,
    }
)


def token_of(payload: Payload) -> str | None:
    """The id token that a request carries, as written. It may be empty (type NoAuthorization); None is none at all."""
    token = payload.get("idToken")
    return token["idToken"] if token is not None else None


# What messages mean.


def _booted(asked: Request) -> tuple[Input, ...]:
    station = asked.payload["chargingStation"]
    return (
        BootReported(
            station_id=asked.station_id,
            vendor=station["vendorName"],
            model=station["model"],
            firmware=station.get("firmwareVersion", ""),
            reason=asked.payload["reason"],
        ),
    )


def _status(asked: Request) -> tuple[Input, ...]:
    told = asked.payload
    return (ConnectorReported(asked.station_id, told["evseId"], told["connectorId"], told["connectorStatus"]),)


def _authorize(asked: Request) -> tuple[Input, ...]:
    return (AuthorizeAsked(asked.station_id, token_of(asked.payload) or "", None, asked.matches),)


def _transaction(asked: Request) -> tuple[Input, ...]:
    told = asked.payload
    about = told["transactionInfo"]
    at_ms = instant(told["timestamp"], asked.received_at_ms)
    context = _CONTEXT_OF.get(told["eventType"], "")
    reading = metering.read(told.get("meterValue", ()), received_at_ms=at_ms, context=context)
    return (
        TransactionReported(
            station_id=asked.station_id,
            transaction_id=about["transactionId"],
            kind=told["eventType"],
            seq_no=told["seqNo"],
            at_ms=at_ms,
            evse_id=told["evse"]["id"] if "evse" in told else None,
            id_token=token_of(told),
            offline=told.get("offline", False),
            charging_state=about.get("chargingState"),
            register_wh=reading.register_wh,
            power_w=reading.power_w,
            soc_pct=reading.soc_pct,
            stopped_reason=about.get("stoppedReason"),
            remote_start_id=about.get("remoteStartId"),
            signed=reading.signed,
            matches=asked.matches,
        ),
    )


def _metered(asked: Request) -> tuple[Input, ...]:
    """EVSE 0 is the station's own grid meter (J01): it is no reading of any car."""
    evse_id = asked.payload["evseId"]
    reading = metering.read(asked.payload["meterValue"], received_at_ms=asked.received_at_ms)
    if evse_id == 0 or reading.empty:
        return ()
    return (
        MeterReported(asked.station_id, evse_id, reading.at_ms, reading.register_wh, reading.power_w, reading.soc_pct),
    )


# How they are answered.


def _token_info(answer: Authorization) -> Payload:
    info: Payload = {"status": answer.status}
    if answer.reason and answer.status != AuthorizationStatusEnumType.accepted:
        info["personalMessage"] = {"format": MessageFormatEnumType.utf8, "content": answer.reason[:_MESSAGE_MAX]}
    if answer.group_id:
        info["groupIdToken"] = {"idToken": answer.group_id, "type": IdTokenEnumType.central}
    return info


def _authorized(asked: Request, answer: Answer | None) -> Payload:
    """Without a judgement nobody charges; nor does who shows a contract certificate (C07), whose revocation nobody is
    asked about here."""
    judged = answer if isinstance(answer, Authorization) else Authorization("Invalid", "no judgement was made")
    if not any(name in asked.payload for name in _CONTRACT):
        return {"idTokenInfo": _token_info(judged)}
    if judged.status == AuthorizationStatusEnumType.accepted:
        judged = Authorization("Invalid", "contract certificates are not checked here")
    unchecked = AuthorizeCertificateStatusEnumType.no_certificate_available
    return {"idTokenInfo": _token_info(judged), "certificateStatus": unchecked}


def _transaction_booked(_asked: Request, answer: Answer | None) -> Payload:
    return {"idTokenInfo": _token_info(answer)} if isinstance(answer, Authorization) else {}


def _unknown_vendor(_asked: Request, _answer: Answer | None) -> Payload:
    return {"status": DataTransferStatusEnumType.unknown_vendor_id}


def _no_contract_certificate(_asked: Request, _answer: Answer | None) -> Payload:
    """M01: there is no certificate provisioning service behind this CSMS; the empty EXI is what the schema needs."""
    return {"status": Iso15118EVCertificateStatusEnumType.failed, "exiResponse": ""}


def _no_certificate_status(_asked: Request, _answer: Answer | None) -> Payload:
    """M06: no OCSP responder is asked."""
    return {"status": GetCertificateStatusEnumType.failed}


def _signing(asked: Request, _answer: Answer | None) -> Payload:
    """A02: a request that goes to no certificate authority is Rejected, or the station would wait for a certificate."""
    if asked.signs:
        return {"status": GenericStatusEnumType.accepted}
    reason = {"reasonCode": "UnsupportedRequest", "additionalInfo": "this is not signed here"}
    return {"status": GenericStatusEnumType.rejected, "statusInfo": reason}


def _needs_taken(_asked: Request, answer: Answer | None) -> Payload:
    """K15: Processing, because the limit in force stays until the sharing of power gives another one; a station that
    is told Accepted waits for a schedule of its own. Rejected: no such EVSE here."""
    taken = isinstance(answer, NeedsTaken) and answer.taken
    status = NotifyEVChargingNeedsStatusEnumType
    return {"status": status.processing if taken else status.rejected}


def _schedule_noted(_asked: Request, _answer: Answer | None) -> Payload:
    """K15.FR.11: Accepted means processed, not approved."""
    return {"status": GenericStatusEnumType.accepted}


HANDLERS: MappingProxyType[str, Handler] = MappingProxyType(
    {
        Action.authorize: Handler(_authorize, _authorized),
        Action.boot_notification: Handler(_booted, answers.registered, v201_reports.boot),
        Action.cleared_charging_limit: Handler(answers.nothing, answers.empty, v201_reports.cleared_limit),
        Action.data_transfer: Handler(answers.nothing, _unknown_vendor),
        Action.firmware_status_notification: Handler(v201_reports.firmware_status, answers.empty),
        Action.get_15118_ev_certificate: Handler(answers.nothing, _no_contract_certificate),
        Action.get_certificate_status: Handler(answers.nothing, _no_certificate_status),
        Action.heartbeat: Handler(answers.nothing, answers.time_told),
        Action.log_status_notification: Handler(v201_reports.log_status, answers.empty),
        Action.meter_values: Handler(_metered, answers.empty, v201_reports.signed_values),
        Action.notify_charging_limit: Handler(answers.nothing, answers.empty, v201_reports.charging_limit),
        Action.notify_customer_information: Handler(answers.nothing, answers.empty, v201_reports.customer),
        Action.notify_display_messages: Handler(answers.nothing, answers.empty, v201_reports.display_messages),
        Action.notify_ev_charging_needs: Handler(v201_reports.needs_reported, _needs_taken, v201_reports.needs),
        Action.notify_ev_charging_schedule: Handler(answers.nothing, _schedule_noted, v201_reports.ev_schedule),
        Action.notify_event: Handler(answers.nothing, answers.empty, v201_reports.events),
        Action.notify_monitoring_report: Handler(answers.nothing, answers.empty, v201_reports.monitoring_report),
        Action.notify_report: Handler(answers.nothing, answers.empty, v201_reports.report),
        Action.publish_firmware_status_notification: Handler(v201_reports.publish_status, answers.empty),
        Action.report_charging_profiles: Handler(answers.nothing, answers.empty, v201_reports.profiles),
        Action.reservation_status_update: Handler(v201_reports.reservation, answers.empty),
        Action.security_event_notification: Handler(
            v201_reports.security_reported, answers.empty, v201_reports.security
        ),
        Action.sign_certificate: Handler(answers.nothing, _signing),
        Action.status_notification: Handler(_status, answers.empty),
        Action.transaction_event: Handler(_transaction, _transaction_booked, v201_reports.signed_values),
    }
)

VERSION = Version(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    handlers=HANDLERS,
    token_of=token_of,
    unit_question=v201_calls.unit_question,
    unit_from=v201_calls.unit_from,
    limit_call=v201_calls.limit_call,
    limit_outcome=v201_calls.limit_outcome,
    order_call=v201_orders.order_call,
    order_result=v201_orders.order_result,
    settings_calls=v201_calls.settings_calls,
    password_call=v201_security.password_call,
    password_outcome=v201_security.password_outcome,
    certificate_call=v201_security.certificate_call,
    certificate_wanted=v201_security.CERTIFICATE_WANTED,
    signs=v201_security.signs,
    inventory_call=v201_calls.inventory_call,
    listings=v201_model.LISTINGS,
    bounds=v201_model.BOUNDS,
    bounds_question=v201_model.bounds_question,
    told=v201_model.told,
    signed_values=signed_values.of_v201,
    why_not_by_hand=v201_by_hand.why_not,
)
