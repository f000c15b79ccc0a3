"""OCPP 1.6, from the station: what its reports say of it, as notes to be read back and as inputs for the rules. The
messages of the security extension are those of 2.0.1, which are in ``v201_reports``."""

from types import MappingProxyType

from ocpp.v16.enums import ChargePointErrorCode, DiagnosticsStatus, ValueFormat
from ocpp.v201.enums import UploadLogStatusEnumType

from edge.ocpp.notes import Change, Kind, Note
from edge.ocpp.version import Request
from edge.rules.inputs import Input, TaskReported

_LOG_STATUSES = MappingProxyType({DiagnosticsStatus.upload_failed: UploadLogStatusEnumType.upload_failure})


def boot(asked: Request) -> tuple[Change, ...]:
    """4.2: who made the station, its serial numbers and its modem."""
    return (Note(Kind.BOOT, "", asked.payload),)


def signed_values(asked: Request) -> tuple[Change, ...]:
    """Values that the meter signed (7.43), as they came: whoever doubts a bill checks these."""
    told = asked.payload
    number = told.get("transactionId", 0)
    about = str(number) if number > 0 else f"evse-{told.get('connectorId', 0)}"
    return tuple(
        Note(Kind.SIGNED_VALUE, f"{about}/{one['timestamp'][:40]}/{sampled.get('context', 'Sample.Periodic')}", sampled)
        for one in told.get("meterValue") or told.get("transactionData") or ()
        for sampled in one["sampledValue"]
        if sampled.get("format") == ValueFormat.signed_data
    )


def error(asked: Request) -> tuple[Change, ...]:
    """4.9: what is wrong with a connector, in the station's own words; each once, however often it is sent."""
    told = asked.payload
    if told["errorCode"] == ChargePointErrorCode.no_error:
        return ()
    at = told.get("timestamp", "")[:40]
    return (Note(Kind.EVENT, f"{at}/{told['connectorId']}/{told['errorCode']}", told),)


def diagnostics_status(asked: Request) -> tuple[Input, ...]:
    """4.4. Which upload it speaks of, it does not say."""
    status = asked.payload["status"]
    return (TaskReported(asked.station_id, "LOG", None, _LOG_STATUSES.get(status, status)),)
