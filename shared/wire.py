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
from pydantic_core import from_json

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


class Parcel:
    """A batch in the making, whose entries are written already, as stretches of the inside of a JSON list. So a long
    log travels without being read by the one who sends it, and is compressed piece by piece."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(level=1)
        self._pieces = [self._deflater.compress(b'{"entries":[')]
        self.read_bytes = 0
        """Of the entries, before compression."""

    @property
    def packed_bytes(self) -> int:
        """What it comes to so far; of the newest stretch a part may be missing."""
        return sum(map(len, self._pieces))

    def add(self, entries_json: bytes) -> None:
        """Put the next stretch behind the others."""
        if entries_json:
            self._pieces.append(self._deflater.compress(b"," + entries_json if self.read_bytes else entries_json))
            self.read_bytes += len(entries_json)

    def seal(self, batch: Batch) -> bytes:
        """The bytes for the wire. ``batch`` says what the entries are and has none itself."""
        around = batch.model_dump_json(exclude={"entries"})
        return b"".join((*self._pieces, self._deflater.compress(b"]," + around[1:].encode()), self._deflater.flush()))


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
        # Twice as fast as ``model_validate_json`` for what is mostly plain data, and keys are shared among entries.
        return kind.model_validate(from_json(text))
    except ValidationError as error:
        raise WireError(f"not a {kind.__name__}: {error.error_count()} errors, first: {error.errors()[0]}") from error
    except ValueError as error:
        raise WireError(f"not JSON: {error}") from error
