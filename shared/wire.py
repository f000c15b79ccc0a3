"""Topics and bytes between a facility and the cloud. Any MQTT 3.1.1 broker must do, so: no shared subscriptions, no
retained data but presence, no dots or spaces in topic levels.

Topics are ``easypark/1/{shard}/{facility_id}/{channel}``. The shard is a stable hash of the facility, so link workers
divide facilities by subscribing to some of the ``SHARDS`` prefixes. Payloads are zlib-compressed JSON.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shared.facilities import Frozen
from shared.ids import Id
from shared.sync import Batch

VERSION = 1
SHARDS = 16
PAYLOAD_BYTES_MAX = 8 * 1024 * 1024


class Channel(StrEnum):
    EVENTS = "events"
    """Batches of the facility's log, up."""
    EVENTS_ACK = "events-ack"
    """The cloud's Ack for them, down."""
    DECISIONS = "decisions"
    """Batches of decisions, down."""
    DECISIONS_ACK = "decisions-ack"
    """The facility's Ack for them, up."""
    PRESENCE = "presence"
    """Retained, with the broker's last will: whether the facility is there."""
    REQUEST = "request"
    """A command with an id and a deadline, down; never queued."""
    RESPONSE = "response"
    """What became of a command, up."""
    NOTICE = "notice"
    """A word of the cloud to one box, down; older boxes do not listen to it."""


UP = (Channel.EVENTS, Channel.DECISIONS_ACK, Channel.PRESENCE, Channel.RESPONSE)
DOWN = (Channel.EVENTS_ACK, Channel.DECISIONS, Channel.REQUEST, Channel.NOTICE)
FOLLOWED = (Channel.EVENTS, Channel.DECISIONS_ACK, Channel.PRESENCE)
"""What link workers follow; RESPONSE is for who asked."""


class Presence(Frozen):
    """``instance`` names one life of the process, drawn at its start, so that two boxes with one log show."""

    facility_id: Id
    online: bool
    at_ms: int = 0
    log_id: str = ""
    head: int = 0
    version: str = ""
    instance: str = ""


class Notice(Frozen):
    """The cloud does not take what this box sends, and why. For the box with that log and instance only."""

    log_id: Id
    instance: str
    text: str


class WireError(ValueError):
    """A payload or topic from the other side that cannot be read: their fault, said with what was wrong."""


@dataclass(frozen=True, slots=True)
class Address:
    facility_id: str
    channel: Channel


def shard_of(facility_id: str) -> str:
    """Two decimal digits, the same on every machine and in every version."""
    return f"{zlib.crc32(facility_id.encode()) % SHARDS:02d}"


def topic(facility_id: str, channel: Channel) -> str:
    """The topic of one channel of one facility."""
    return f"easypark/{VERSION}/{shard_of(facility_id)}/{facility_id}/{channel}"


def parse_topic(text: str) -> Address:
    """The facility and channel that a topic names. Raises WireError for any other topic."""
    parts = text.split("/")
    try:
        root, version, shard, facility_id, channel = parts
        address = Address(facility_id, Channel(channel))
    except ValueError as error:
        raise WireError(f"not one of our topics: {text!r}") from error
    if (root, version) != ("easypark", str(VERSION)) or shard != shard_of(facility_id):
        raise WireError(f"not one of our topics: {text!r}")
    return address


def cloud_subscriptions(shards: tuple[str, ...] | None = None, channels: tuple[Channel, ...] = UP) -> tuple[str, ...]:
    """Topics with the upward channels of every facility of those shards (None: of all)."""
    return tuple(f"easypark/{VERSION}/{shard}/+/{channel}" for shard in (shards or ("+",)) for channel in channels)


def encode(message: BaseModel) -> bytes:
    """Bytes for the wire."""
    return zlib.compress(message.model_dump_json().encode(), level=1)


def encode_batch(batch: Batch, entries_json: str) -> bytes:
    """Bytes for a batch whose entries are written already, as the inside of a JSON list; ``batch`` has none. So a long
    log travels without being read by the one who sends it."""
    text = batch.model_dump_json().replace('"entries":[]', f'"entries":[{entries_json}]', 1)
    return zlib.compress(text.encode(), level=1)


Message = TypeVar("Message", bound=BaseModel)


def decode(kind: type[Message], payload: bytes) -> Message:
    """Read bytes from the wire. Raises WireError when they are too many, not ours, or do not fit ``kind``."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, PAYLOAD_BYTES_MAX)
    except zlib.error as error:
        raise WireError(f"not compressed as ours are: {error}") from error
    if inflater.unconsumed_tail:
        raise WireError(f"payload of over {PAYLOAD_BYTES_MAX} bytes")
    if not inflater.eof:
        raise WireError(f"payload cut short after {len(payload)} bytes")
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise WireError(f"not a {kind.__name__}: {error.error_count()} errors, first: {error.errors()[0]}") from error
