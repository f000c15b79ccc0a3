"""The link's pure rules."""

import pytest

from cloud.link.rules import UNREADABLE, check_without_gaps, of_types, to_entry, unreadable
from shared.events import EntryRefused, TailgateDetected
from shared.sync import Batch, SyncEntry
from shared.wire import WireError
from tests.cloud.link.books import EdgeLog


def test_an_event_batch_holds_every_position_it_covers() -> None:
    log = EdgeLog().append(*[TailgateDetected(lane_id="in-1")] * 4)
    check_without_gaps(log.batch())
    check_without_gaps(log.batch(2, 4))
    check_without_gaps(log.batch(2, 2))
    with pytest.raises(WireError, match="should hold 1 to 4"):
        check_without_gaps(Batch(log_id="log-a", after=0, upto=4, entries=log.batch(1, 4).entries))
    with pytest.raises(WireError, match="holds 0 entries"):
        check_without_gaps(Batch(log_id="log-a", after=0, upto=4, entries=()))


def test_a_position_counts_and_not_what_the_body_says_of_it() -> None:
    read = to_entry(SyncEntry(position=7, body={"seq": 3, "at_ms": 5, "type": "X", "body": {"a": 1}}), 0)
    assert (read.seq, read.at_ms, read.type, read.body) == (7, 5, "X", {"a": 1})


def test_what_is_no_entry_is_kept_whole_as_text() -> None:
    read = to_entry(SyncEntry(position=7, body={"at_ms": "yesterday"}), 99)
    assert read == unreadable(7, 99, {"at_ms": "yesterday"})
    assert read.type == UNREADABLE
    assert read.body == {"text": '{"at_ms": "yesterday"}'}


def test_a_projection_sees_its_types_in_order() -> None:
    log = EdgeLog().append(
        TailgateDetected(lane_id="in-1"),
        EntryRefused(lane_id="in-1", plate="A", reason="full"),
        TailgateDetected(lane_id="in-1"),
    )
    assert [e.seq for e in of_types(log.entries, frozenset({"TailgateDetected"}))] == [1, 3]
