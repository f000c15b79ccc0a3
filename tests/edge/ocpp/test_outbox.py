"""The law of the queue of calls to a station."""

from edge.ocpp.outbox import Outbox


def test_urgent_items_go_first_each_lane_in_its_order() -> None:
    box: Outbox[str] = Outbox(9)
    box.put("report")
    box.put_urgent("evse-1", "limit 1")
    box.put("log")
    box.put_urgent("evse-2", "limit 2")
    assert [box.take() for _ in range(5)] == ["limit 1", "limit 2", "report", "log", None]


def test_of_one_key_only_the_newest_waits_and_the_older_is_handed_back() -> None:
    box: Outbox[str] = Outbox(9)
    assert box.put_urgent("evse-1", "16 kW") is None
    box.put_urgent("evse-2", "8 kW")
    assert box.put_urgent("evse-1", "11 kW") == "16 kW"
    assert box.drain() == ["8 kW", "11 kW"]


def test_what_was_taken_is_no_longer_replaced() -> None:
    box: Outbox[str] = Outbox(9)
    box.put_urgent("evse-1", "16 kW")
    assert box.take() == "16 kW"
    assert box.put_urgent("evse-1", "11 kW") is None


def test_the_ordinary_lane_is_bounded_and_the_urgent_one_is_not_held_up_by_it() -> None:
    box: Outbox[str] = Outbox(2)
    assert [box.put(x) for x in "abc"] == [True, True, False]
    assert box.put_urgent("evse-1", "limit") is None
    assert box.drain() == ["limit", "a", "b"]
    assert box.drain() == []
