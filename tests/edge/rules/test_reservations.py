"""EVSEs kept for someone."""

import pytest

from edge.rules.inputs import (
    BootReported,
    Matches,
    OrderReplied,
    OrderSetpoint,
    StationClosed,
    StationOpened,
)
from edge.rules.orders import CancelReservation, ReserveEvse
from edge.rules.requests import RequestReply, ReservationAsked, ReservationCancelled
from shared.clock import HOUR_MS
from shared.events import EvseReserved, ReservationEnded
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
UNTIL_MS = NINE_MS + HOUR_MS
FOR_ANN = ReservationAsked("cs-1", 1, UNTIL_MS, "desk", id_token="TOKEN-ann")


def site_with_stations() -> Site:
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    return site


def orders(site: Site, kind: type) -> list[OrderSetpoint]:
    return [s for s in site.setpoints if isinstance(s, OrderSetpoint) and isinstance(s.order, kind)]


def ends(site: Site) -> list[str]:
    return [e.reason for e in site.of(ReservationEnded)]


def test_a_reservation_is_booked_and_the_station_told():
    site = site_with_stations()
    reply = site.give(FOR_ANN)
    [booked] = site.of(EvseReserved)
    assert reply == RequestReply(id=booked.reservation_id)
    assert [s.order for s in orders(site, ReserveEvse)] == [ReserveEvse(1, "TOKEN-ann", UNTIL_MS, 1)]


def test_it_ends_when_its_holder_charges():
    site = site_with_stations()
    site.drive_through("in-1", "ANNSCAR", ANN)
    site.give(FOR_ANN)
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=Matches(rights=(ANN,)))
    assert ends(site) == ["USED"]


def test_it_ends_by_itself_when_nobody_comes():
    site = site_with_stations()
    site.give(FOR_ANN)
    site.wait(3599)
    assert ends(site) == []
    site.wait(1)
    assert ends(site) == ["EXPIRED"]


def test_it_is_cancelled_here_and_at_the_station():
    site = site_with_stations()
    reply = site.give(FOR_ANN)
    assert site.give(ReservationCancelled(reply.id)).problem is None
    assert ends(site) == ["CANCELLED"]
    assert [s.order for s in orders(site, CancelReservation)] == [CancelReservation(1)]
    assert site.give(ReservationCancelled(reply.id)).found is False


def away(site: Site) -> None:
    site.give(StationClosed("cs-1", "gone"))


def back(site: Site) -> None:
    site.give(StationOpened("cs-1", "2.0.1"))


def test_a_station_that_was_away_is_told_when_it_returns():
    site = site_with_stations()
    away(site)
    site.give(FOR_ANN)
    assert orders(site, ReserveEvse) == []
    back(site)
    assert [s.order for s in orders(site, ReserveEvse)] == [ReserveEvse(1, "TOKEN-ann", UNTIL_MS, 1)]


def test_a_station_that_may_have_lost_its_reservations_is_told_again_but_only_then():
    """H01.FR.02: the same number again replaces what is held under it."""
    site = site_with_stations()
    site.give(FOR_ANN)
    site.wait(600)
    assert len(orders(site, ReserveEvse)) == 1
    away(site)
    back(site)
    site.give(BootReported("cs-1", "V", "M", "1", "PowerUp"))
    assert len(orders(site, ReserveEvse)) == 3


def test_a_station_that_was_away_when_it_was_cancelled_is_told_when_it_returns():
    site = site_with_stations()
    reply = site.give(FOR_ANN)
    away(site)
    site.give(ReservationCancelled(reply.id))
    assert orders(site, CancelReservation) == []
    back(site)
    [told] = orders(site, CancelReservation)
    assert told.order == CancelReservation(1)
    site.give(OrderReplied(told.order_id, "cs-1", "ACCEPTED"))
    away(site)
    back(site)
    assert len(orders(site, CancelReservation)) == 1


def test_a_cancellation_that_may_not_have_arrived_is_sent_again_when_the_station_returns():
    site = site_with_stations()
    site.give(ReservationCancelled(site.give(FOR_ANN).id))
    [told] = orders(site, CancelReservation)
    site.give(OrderReplied(told.order_id, "cs-1", "UNKNOWN"))
    away(site)
    back(site)
    assert len(orders(site, CancelReservation)) == 2


def test_a_station_that_never_heard_of_it_or_lets_go_of_it_by_itself_is_not_told_of_its_end():
    site = site_with_stations()
    away(site)
    site.give(ReservationCancelled(site.give(FOR_ANN).id))
    back(site)
    assert orders(site, ReserveEvse) == orders(site, CancelReservation) == []
    reply = site.give(ReservationAsked("cs-2", 1, UNTIL_MS, "desk", id_token="TOKEN-ann"))
    site.give(StationClosed("cs-2", "gone"))
    site.give(ReservationCancelled(reply.id))
    site.wait(3601)
    site.give(StationOpened("cs-2", "2.0.1"))
    assert orders(site, CancelReservation) == []
    assert site.state.withdrawn == {}


@pytest.mark.parametrize(
    ("outcome", "status", "ended"),
    [
        ("REJECTED", "Occupied", ["UNAVAILABLE"]),
        ("REJECTED", "Faulted", ["UNAVAILABLE"]),
        ("REJECTED", "Rejected", []),
        ("UNSUPPORTED", None, []),
        ("UNKNOWN", None, []),
        ("ACCEPTED", "Accepted", []),
    ],
)
def test_a_station_that_keeps_no_reservations_leaves_it_to_us_one_that_is_taken_ends_it(outcome, status, ended):
    site = site_with_stations()
    site.give(FOR_ANN)
    [sent] = orders(site, ReserveEvse)
    details = {} if status is None else {"status": status}
    site.give(OrderReplied(sent.order_id, "cs-1", outcome, details=details))
    assert ends(site) == ended


@pytest.mark.parametrize(
    ("changes", "words", "found"),
    [
        ({"station_id": "cs-9"}, "no EVSE 1 at a station 'cs-9'", False),
        ({"evse_id": 7}, "no EVSE 7", False),
        ({"id_token": ""}, "one of them", True),
        ({"plate": "ANNSCAR"}, "one of them", True),
        ({"until_ms": NINE_MS}, "from now", True),
        ({"until_ms": NINE_MS + 25 * HOUR_MS}, "from now", True),
    ],
)
def test_what_cannot_be_reserved_is_refused_with_the_reason(changes, words, found):
    values = {"station_id": "cs-1", "evse_id": 1, "until_ms": UNTIL_MS, "by": "desk", "id_token": "T", **changes}
    reply = site_with_stations().give(ReservationAsked(**values))
    assert words in reply.problem
    assert reply.found is found


def test_one_evse_is_kept_for_one():
    site = site_with_stations()
    site.give(FOR_ANN)
    assert "already" in site.give(ReservationAsked("cs-1", 1, UNTIL_MS, "desk", id_token="OTHER")).problem


def test_an_evse_in_use_cannot_be_kept():
    site = site_with_stations()
    site.transaction("cs-1", "Started", 0)
    assert "charges there" in site.give(FOR_ANN).problem
