"""Bugs of the protocol's two ends."""

from provisioning.simulation import headquarters
from provisioning.simulation.box_link import BoxLink
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from shared.sync import Ack, Batch, Sender, SyncEntry


def _delivered_on_publish(replace: Replace) -> None:
    def offered(sender: Sender, upto: int, _deadline_ms: int) -> Sender:
        return sender._replace(acked=upto)

    replace(Sender, "offered", offered)


def _resend_from_head(replace: Replace) -> None:
    connect = BoxLink.connect

    def connect_at_head(link: BoxLink) -> None:
        connect(link)
        link.sender = link.sender._replace(acked=link._box.disk.head, in_flight_upto=None)

    replace(BoxLink, "connect", connect_at_head)


def _lower_refused(replace: Replace) -> None:
    acknowledged = Sender.acknowledged

    def upwards_only(sender: Sender, ack: Ack, head: int) -> Sender:
        highest = max(ack.upto, sender.acked or 0)
        return acknowledged(sender, Ack(log_id=ack.log_id, upto=highest), head)

    replace(Sender, "acknowledged", upwards_only)


def _apply_twice(replace: Replace) -> None:
    def receive(held_upto: int, batch: Batch) -> tuple[tuple[SyncEntry, ...], int]:
        return (batch.entries, batch.upto) if batch.entries and batch.after <= held_upto else ((), held_upto)

    replace(headquarters, "receive", receive)


BUSY = Scenario(facilities=2, days=0.3, pace=12)
DELIVERED_ON_PUBLISH = Bug(
    "delivered-on-publish", "the edge counts an entry as delivered when the broker has it", _delivered_on_publish
)
RESEND_FROM_HEAD = Bug("resend-from-head", "after a start the edge takes all it has for delivered", _resend_from_head)
APPLY_TWICE = Bug("apply-twice", "the cloud takes what it holds already once more", _apply_twice)
LOWER_REFUSED = Bug(
    "lower-ack-refused", "the edge does not believe an Ack that is lower than the last", _lower_refused, BUSY
)
