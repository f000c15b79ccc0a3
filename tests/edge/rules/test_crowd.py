"""Many inputs that came together: each is booked, and promises are looked at once for all of them."""

from edge.rules import facility as rules
from edge.rules.inputs import LaneSignalled, LimitSetpoint, StationOpened
from shared.devices import Loop, LoopChanged
from tests.builders import facility
from tests.edge.rules.site import Site


def limits(outcome) -> int:
    return sum(isinstance(setpoint, LimitSetpoint) for setpoint in outcome.setpoints)


def test_stations_that_connect_together_get_their_fallbacks_with_the_last_of_them():
    site = Site(facility(11_000, 11_000))
    first = rules.advance(site.state, site.knowledge, StationOpened("cs-1", "2.0.1"), site.now_ms, more=True)
    assert [entry.type for entry in first.entries] == ["StationConnected"]
    assert limits(first) == 0
    last = rules.advance(site.state, site.knowledge, StationOpened("cs-2", "2.0.1"), site.now_ms)
    assert limits(last) == 2


def test_a_look_that_was_put_off_is_due_at_once_when_the_last_input_asks_for_none():
    site = Site(facility(11_000))
    rules.advance(site.state, site.knowledge, StationOpened("cs-1", "2.0.1"), site.now_ms, more=True)
    lane = LaneSignalled(LoopChanged(lane_id="in-1", loop=Loop.FRONT, occupied=True))
    assert limits(rules.advance(site.state, site.knowledge, lane, site.now_ms)) == 0
    due_ms = rules.deadline(site.state, site.knowledge)
    assert due_ms is not None
    assert due_ms <= site.now_ms
    site.wait(0)
    assert len(site.unanswered()) == 1
