"""Topics name a facility and a channel; payloads are small, ours, or refused."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import ID_PATTERN
from shared.sync import Ack, Batch, SyncEntry
from shared.wire import (
    PAYLOAD_BYTES_MAX,
    SHARDS,
    UP,
    Address,
    Channel,
    Parcel,
    WireError,
    cloud_subscriptions,
    decode,
    encode,
    parse_topic,
    shard_of,
    topic,
)

facility_ids = st.from_regex(ID_PATTERN, fullmatch=True).map(str.strip)


def matches(subscription: str, name: str) -> bool:
    """MQTT 3.1.1, 4.7.1.3: ``+`` stands for one level."""
    wanted, levels = subscription.split("/"), name.split("/")
    return len(wanted) == len(levels) and all(w in ("+", x) for w, x in zip(wanted, levels, strict=True))


@given(facility_ids, st.sampled_from(Channel))
def test_a_topic_names_its_facility_and_channel(facility_id: str, channel: Channel) -> None:
    assert parse_topic(topic(facility_id, channel)) == Address(facility_id, channel)


def test_a_shard_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert topic("boston-downtown", Channel.EVENTS) == "easypark/1/02/boston-downtown/events"
    assert topic("philadelphia-center-city", Channel.EVENTS) == "easypark/1/12/philadelphia-center-city/events"


@given(facility_ids, st.sampled_from(Channel))
def test_every_facility_is_heard_by_the_worker_of_its_shard_and_by_no_other(facility_id: str, channel: Channel) -> None:
    heard = [
        shard
        for shard in (f"{n:02d}" for n in range(SHARDS))
        if any(matches(s, topic(facility_id, channel)) for s in cloud_subscriptions((shard,)))
    ]
    assert heard == ([shard_of(facility_id)] if channel in UP else [])


def test_one_worker_alone_hears_all_facilities() -> None:
    assert all(matches(s, topic("boston", c)) for s, c in zip(cloud_subscriptions(), UP, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "easypark/1/02/boston-downtown",
        "easypark/2/02/boston-downtown/events",
        "easypark/1/04/boston-downtown/events",
        "easypark/1/02/boston-downtown/gossip",
        "other/1/02/boston-downtown/events",
        "easypark/1/02/boston-downtown/events/x",
    ],
)
def test_any_other_topic_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="not one of our topics"):
        parse_topic(text)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20)), max_size=5))
def test_a_message_survives_the_wire(bodies: list[dict[str, object]]) -> None:
    entries = tuple(SyncEntry(position=n, body=body) for n, body in enumerate(bodies, start=3))
    batch = Batch(log_id="boston-1f", after=2, upto=2 + len(entries), entries=entries)
    assert decode(Batch, encode(batch)) == batch


@given(st.lists(st.lists(st.dictionaries(st.text(max_size=5), st.integers()), max_size=3), max_size=3))
def test_a_batch_put_together_from_stretches_is_one_batch(stretches: list[list[dict[str, int]]]) -> None:
    parcel, entries = Parcel(), list[SyncEntry]()
    for stretch in stretches:
        fresh = [SyncEntry(position=n, body=body) for n, body in enumerate(stretch, start=len(entries) + 1)]
        parcel.add(json.dumps([e._asdict() for e in fresh])[1:-1].encode())
        entries += fresh
    said = Batch(log_id="boston-1f", after=0, upto=len(entries), entries=(), head=9, sent_by="boston-2f")
    assert decode(Batch, parcel.seal(said)) == said.model_copy(update={"entries": tuple(entries)})


@pytest.mark.parametrize(
    "entries",
    [7, {"position": 1}, [1], [{"position": 1}], [{"position": True, "body": {}}], [{"position": 1, "body": []}]],
)
def test_entries_that_are_none_are_refused(entries: object) -> None:
    told = {"log_id": "boston-1f", "after": 0, "upto": 1, "entries": entries}
    with pytest.raises(WireError, match="not a Batch"):
        decode(Batch, zlib.compress(json.dumps(told).encode()))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode(Ack, payload)


@given(st.data())
def test_a_payload_cut_short_is_refused(data: st.DataObject) -> None:
    whole = encode(Ack(log_id="boston-1f", upto=12))
    at = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WireError):
        decode(Ack, whole[:at])


def test_a_payload_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(WireError, match="payload of over"):
        decode(Ack, zlib.compress(b" " * (PAYLOAD_BYTES_MAX + 1)))


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(WireError, match=r"not a Ack: 1 errors, first: .*upto"):
        decode(Ack, zlib.compress(b'{"log_id": "boston-1f", "upto": -1}'))
