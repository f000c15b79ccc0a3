"""The link's pure rules."""

import pytest

from cloud.link.rules import UNREADABLE, Line, check_without_gaps, copy_text, of_types, read, to_line, unreadable
from shared.events import EntryRefused, TailgateDetected
from shared.sync import Batch, SyncEntry
from shared.wire import WireError
from tests.cloud.link.books import EdgeLog, told


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
    body = {"seq": 3, "at_ms": 5, "type": "X", "body": {"a": 1}}
    assert to_line(SyncEntry(position=7, body=body), 0) == Line(7, 5, "X", {"a": 1})


def test_what_is_no_entry_is_kept_whole_as_text() -> None:
    line = to_line(SyncEntry(position=7, body={"at_ms": "yesterday"}), 99)
    assert line == unreadable(7, 99, {"at_ms": "yesterday"})
    assert line.type == UNREADABLE
    assert line.body == {"text": '{"at_ms": "yesterday"}'}


@pytest.mark.parametrize(
    "body",
    [
        {"at_ms": 5.0, "type": "X", "body": {}},
        {"at_ms": True, "type": "X", "body": {}},
        {"at_ms": 5, "type": 7, "body": {}},
        {"at_ms": 5, "type": "X", "body": []},
        {"at_ms": 5, "type": "X"},
    ],
)
def test_an_entry_has_an_instant_a_type_and_a_body(body: dict[str, object]) -> None:
    assert to_line(SyncEntry(position=7, body=body), 99).type == UNREADABLE


def test_lines_are_escaped_as_copy_asks() -> None:
    lines = [Line(1, 5, "Tab\tBack\\slash", {"text": 'new\nline "quoted" \\ é'}), Line(2, 6, "X", {})]
    assert copy_text("here", "log-a", lines).decode() == (
        'here\tlog-a\t1\t5\tTab\\tBack\\\\slash\t{"text":"new\\\\nline \\\\"quoted\\\\" \\\\\\\\ é"}\n'
        "here\tlog-a\t2\t6\tX\t{}\n"
    )


def test_events_are_read_and_what_cannot_be_read_is_told_apart() -> None:
    fine, broken, other = {"lane_id": "in-1", "plate": "A", "reason": "full"}, {"lane_id": "in-1"}, {"pad": "roof"}
    lines = [Line(1, 5, "EntryRefused", fine), Line(2, 6, "EntryRefused", broken), Line(3, 7, "DroneLanded", other)]
    events, refused = read(lines, frozenset({"EntryRefused", "TailgateDetected"}))
    assert [(t.seq, t.at_ms, t.event) for t in events] == [
        (1, 5, EntryRefused(lane_id="in-1", plate="A", reason="full"))
    ]
    assert [(r.line.seq, r.error.error_count()) for r in refused] == [(2, 2)]


def test_a_body_cannot_change_the_type_that_its_line_says() -> None:
    lines = [Line(1, 5, "TailgateDetected", {"type": "EntryRefused", "lane_id": "in-1"})]
    (one,), refused = read(lines, frozenset({"TailgateDetected"}))
    assert (one.event, refused) == (TailgateDetected(lane_id="in-1"), [])


def test_a_projection_sees_its_types_in_order() -> None:
    log = EdgeLog().append(
        TailgateDetected(lane_id="in-1"),
        EntryRefused(lane_id="in-1", plate="A", reason="full"),
        TailgateDetected(lane_id="in-1"),
    )
    assert [e.seq for e in of_types(told(log.entries), frozenset({"TailgateDetected"}))] == [1, 3]
