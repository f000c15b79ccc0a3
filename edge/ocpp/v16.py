"""OCPP 1.6J with the security extension, from the station: what each message means to the rules, and its answer.

Clauses are of OCPP 1.6 edition 2; "whitepaper" is "Improved security for OCPP 1.6-J". A connector is what 2.0.1 calls
an EVSE with one connector; connector 0 is the station itself.
"""

from types import MappingProxyType

from ocpp.v16.enums import (
    Action,
    AuthorizationStatus,
    DataTransferStatus,
    GenericStatus,
)

from edge.ocpp import (
    answers,
    signed_values,
    v16_by_hand,
    v16_calls,
    v16_model,
    v16_orders,
    v16_reports,
    v16_security,
    v16_transactions,
    v201_reports,
)
from edge.ocpp.rpc import Payload
from edge.ocpp.v16_words import TAG_MAX, TAG_STATUSES
from edge.ocpp.version import Handler, Request, Version
from edge.rules.inputs import (
    Answer,
    Authorization,
    AuthorizeAsked,
    BootReported,
    Input,
)


def token_of(payload: Payload) -> str | None:
    """The id tag that a request carries, as written; None when there is none."""
    tag = payload.get("idTag")
    return None if tag is None else str(tag)


# What messages mean.


def _booted(asked: Request) -> tuple[Input, ...]:
    told = asked.payload
    return (
        BootReported(
            station_id=asked.station_id,
            vendor=told["chargePointVendor"],
            model=told["chargePointModel"],
            firmware=told.get("firmwareVersion", ""),
            reason="Unknown",
        ),
    )


def _authorize(asked: Request) -> tuple[Input, ...]:
    return (AuthorizeAsked(asked.station_id, asked.payload["idTag"], None, asked.matches),)


# How they are answered.


def _authorized(_asked: Request, answer: Answer | None) -> Payload:
    """Without a judgement nobody charges."""
    if not isinstance(answer, Authorization):
        return {"idTagInfo": {"status": AuthorizationStatus.invalid}}
    info = {"status": TAG_STATUSES.get(answer.status, AuthorizationStatus.invalid)}
    if answer.group_id and len(answer.group_id) <= TAG_MAX:
        info["parentIdTag"] = answer.group_id
    return {"idTagInfo": info}


def _stopped(asked: Request, answer: Answer | None) -> Payload:
    """4.10: what the tag is worth that stopped it; a transaction may stop without one."""
    return _authorized(asked, answer) if isinstance(answer, Authorization) else {}


def _numbered(asked: Request, answer: Answer | None) -> Payload:
    """4.8: every start gets a number, one that was refused too. Without one there is no answer, and the station says it
    again: raises ValueError."""
    if not isinstance(answer, Authorization) or not answer.transaction_id.isdigit():
        raise ValueError("the rules gave this transaction no number")
    return {"transactionId": int(answer.transaction_id), **_authorized(asked, answer)}


def _unknown_vendor(_asked: Request, _answer: Answer | None) -> Payload:
    return {"status": DataTransferStatus.unknown_vendor_id}


def _signing(asked: Request, _answer: Answer | None) -> Payload:
    """Whitepaper A02: a request that goes to no certificate authority is Rejected."""
    return {"status": GenericStatus.accepted if asked.signs else GenericStatus.rejected}


HANDLERS: MappingProxyType[str, Handler] = MappingProxyType(
    {
        Action.authorize: Handler(_authorize, _authorized),
        Action.boot_notification: Handler(_booted, answers.registered, v16_reports.boot),
        Action.data_transfer: Handler(answers.nothing, _unknown_vendor),
        Action.diagnostics_status_notification: Handler(v16_reports.diagnostics_status, answers.empty),
        Action.firmware_status_notification: Handler(v201_reports.firmware_status, answers.empty),
        Action.heartbeat: Handler(answers.nothing, answers.time_told),
        Action.log_status_notification: Handler(v201_reports.log_status, answers.empty),
        Action.meter_values: Handler(v16_transactions.metered, answers.empty, v16_reports.signed_values),
        Action.security_event_notification: Handler(
            v201_reports.security_reported, answers.empty, v201_reports.security
        ),
        Action.sign_certificate: Handler(answers.nothing, _signing),
        Action.signed_firmware_status_notification: Handler(v201_reports.firmware_status, answers.empty),
        Action.start_transaction: Handler(v16_transactions.started, _numbered),
        Action.status_notification: Handler(v16_transactions.status, answers.empty, v16_reports.error),
        Action.stop_transaction: Handler(v16_transactions.stopped, _stopped, v16_reports.signed_values),
    }
)

VERSION = Version(
    name="1.6",
    subprotocol="ocpp1.6",
    handlers=HANDLERS,
    token_of=token_of,
    unit_question=v16_calls.unit_question,
    unit_from=v16_calls.unit_from,
    limit_call=v16_calls.limit_call,
    limit_outcome=v16_calls.limit_outcome,
    order_call=v16_orders.order_call,
    order_result=v16_orders.order_result,
    settings_calls=v16_calls.settings_calls,
    password_call=v16_security.password_call,
    password_outcome=v16_security.password_outcome,
    certificate_call=v16_security.certificate_call,
    certificate_wanted=v16_security.CERTIFICATE_WANTED,
    signs=v16_security.signs,
    inventory_call=v16_model.inventory_call,
    listings=v16_model.LISTINGS,
    bounds=v16_model.BOUNDS,
    told=v16_model.told,
    signed_values=signed_values.of_v16,
    why_not_by_hand=v16_by_hand.why_not,
)
