"""The OCPP 1.6 side of the small CSMS, on the ``ocpp`` package. It numbers transactions from 1."""

from typing import Any

from ocpp.exceptions import InternalError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result

from hardware.simulator.outlet import stamp
from tests.hardware.simulator.csms import Csms


class Peer16(ChargePoint):  # type: ignore[misc]
    def __init__(self, station_id: str, connection: Any, csms: Csms) -> None:
        super().__init__(station_id, connection, response_timeout=8)
        self.csms = csms

    @on("BootNotification")
    def on_boot(self, **fields: Any) -> Any:
        self.csms.hear("BootNotification", fields)
        return call_result.BootNotification(current_time=stamp(self.csms.now_ms()), interval=30, status="Accepted")

    @on("Heartbeat")
    def on_heartbeat(self, **fields: Any) -> Any:
        self.csms.hear("Heartbeat", fields)
        return call_result.Heartbeat(current_time=stamp(self.csms.now_ms()))

    @on("StatusNotification")
    def on_status(self, **fields: Any) -> Any:
        self.csms.hear("StatusNotification", fields)
        return call_result.StatusNotification()

    @on("MeterValues")
    def on_meter_values(self, **fields: Any) -> Any:
        self.csms.hear("MeterValues", fields)
        return call_result.MeterValues()

    @on("Authorize")
    def on_authorize(self, **fields: Any) -> Any:
        self.csms.hear("Authorize", fields)
        return call_result.Authorize(id_tag_info={"status": self.csms.accepts(fields["id_tag"])})

    @on("StartTransaction")
    def on_start(self, **fields: Any) -> Any:
        if self.csms.refuse_events > 0:
            self.csms.refuse_events -= 1
            raise InternalError(description="busy")
        self.csms.hear("StartTransaction", fields)
        status = self.csms.accepts_start(fields["id_tag"])
        number = len(self.csms.of("StartTransaction"))
        return call_result.StartTransaction(transaction_id=number, id_tag_info={"status": status})

    @on("StopTransaction")
    def on_stop(self, **fields: Any) -> Any:
        self.csms.hear("StopTransaction", fields)
        return call_result.StopTransaction()


def csms_16(now_ms: Any) -> Csms:
    """A CSMS that speaks 1.6."""
    return Csms(now_ms, subprotocol="ocpp1.6", peer=Peer16)
