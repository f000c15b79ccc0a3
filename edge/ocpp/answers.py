"""What every OCPP version answers alike, and the meaning of a message that asks nothing of the rules."""

from edge.ocpp.moments import written
from edge.ocpp.rpc import Payload
from edge.ocpp.version import Request
from edge.rules.inputs import Answer, Input

HEARTBEAT_INTERVAL_S = 300
"""Lived time. Its answer sets the station's clock (G02), on which leases lean; that a station is dead is seen sooner,
by the pings of the connection."""
BOOT_AGAIN_S = 60
"""When a station that was not accepted asks again (B02, B03)."""
ACCEPTED = "Accepted"


def nothing(_asked: Request) -> tuple[Input, ...]:
    """No input for the rules."""
    return ()


def empty(_asked: Request, _answer: Answer | None) -> Payload:
    """A confirmation without a word."""
    return {}


def time_told(asked: Request, _answer: Answer | None) -> Payload:
    """Heartbeat's: our time (2.0.1 G02; 1.6 4.6)."""
    return {"currentTime": written(asked.received_at_ms)}


def registered(asked: Request, _answer: Answer | None) -> Payload:
    """BootNotification's: our time, whether the station may go on, and when it comes again (2.0.1 B01-B03; 1.6 4.2)."""
    return {
        "currentTime": written(asked.received_at_ms),
        "interval": HEARTBEAT_INTERVAL_S if asked.registration == ACCEPTED else BOOT_AGAIN_S,
        "status": asked.registration,
    }
