"""The line for the chargers."""

from edge.rules.inputs import ConnectorReported, Matches
from edge.rules.requests import RequestReply, WaitAsked, WaitCancelled
from edge.rules.waiting import Place, places
from shared.clock import MINUTE_MS
from shared.events import EvseReserved, ReservationEnded, WaitingJoined, WaitingLeft
from shared.rights import Right
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN, BOB, CAT = right("ann", "ANNSCAR"), right("bob", "BOBSCAR"), right("cat", "CATSCAR")


def one_charger_taken_by_ann() -> Site:
    """One charger, where Ann charges; Bob and Cat stand in plain spaces."""
    site = Site(facility(11_000, regular=5, evs_only_in_ev_spaces=False, only_evs_in_ev_spaces=False))
    site.connect("cs-1")
    for holder in (ANN, BOB, CAT):
        site.drive_through("in-1", holder.vehicles[0].plate, holder)
    start(site, ANN)
    return site


def start(site: Site, holder: Right, transaction_id: str = "tx") -> str:
    who = {"id_token": holder.tokens[0], "matches": Matches(rights=(holder,)), "transaction_id": transaction_id}
    return site.transaction("cs-1", "Started", 0, **who).status


def ann_leaves(site: Site) -> None:
    site.transaction("cs-1", "Ended", 1)
    site.wait(60)
    site.drive_through("out-1", "ANNSCAR")


def joined(site: Site, *plates: str) -> list[str]:
    return [site.give(WaitAsked(plate, "", "kiosk")).id for plate in plates]


def line(site: Site) -> list[Place]:
    return places(site.state, site.facility, site.now_ms)


def left(site: Site) -> list[str]:
    return [e.reason for e in site.of(WaitingLeft)]


def test_the_line_has_positions_and_estimates():
    site = one_charger_taken_by_ann()
    site.wait(20 * 60)
    joined(site, "BOBSCAR", "CATSCAR")
    assert [(p.plate, p.position, p.wait_ms) for p in line(site)] == [
        ("BOBSCAR", 1, 40 * MINUTE_MS),
        ("CATSCAR", 2, 100 * MINUTE_MS),
    ]


def test_a_free_charger_is_kept_for_the_first_in_line():
    site = one_charger_taken_by_ann()
    joined(site, "BOBSCAR", "CATSCAR")
    ann_leaves(site)
    [kept] = site.of(EvseReserved)
    assert (kept.plate, kept.until_ms - site.now_ms) == ("BOBSCAR", 10 * MINUTE_MS)
    assert start(site, CAT, "tx-2") == "NotAtThisTime"


def test_whoever_is_called_and_charges_leaves_the_line():
    site = one_charger_taken_by_ann()
    joined(site, "BOBSCAR")
    ann_leaves(site)
    assert start(site, BOB, "tx-2") == "Accepted"
    assert left(site) == ["CHARGING"]
    assert [e.reason for e in site.of(ReservationEnded)] == ["USED"]


def test_whoever_does_not_come_loses_the_place_to_the_next():
    site = one_charger_taken_by_ann()
    joined(site, "BOBSCAR", "CATSCAR")
    ann_leaves(site)
    site.wait(601)
    assert left(site) == ["MISSED"]
    assert [e.plate for e in site.of(EvseReserved)] == ["BOBSCAR", "CATSCAR"]


def test_a_charger_kept_for_nobody_any_more_is_free_for_all():
    site = one_charger_taken_by_ann()
    [waiting_id] = joined(site, "BOBSCAR")
    ann_leaves(site)
    assert site.give(WaitCancelled(waiting_id)).problem is None
    assert [e.reason for e in site.of(ReservationEnded)] == ["CANCELLED"]
    assert start(site, CAT, "tx-2") == "Accepted"


def test_a_car_that_drives_away_leaves_the_line():
    site = one_charger_taken_by_ann()
    joined(site, "BOBSCAR")
    site.drive_through("out-1", "BOBSCAR")
    assert left(site) == ["EXITED"]


def test_a_charger_that_is_out_of_order_or_away_is_kept_for_nobody():
    site = one_charger_taken_by_ann()
    joined(site, "BOBSCAR")
    site.give(ConnectorReported("cs-1", 1, 1, "Faulted"))
    ann_leaves(site)
    assert site.of(EvseReserved) == []
    site.give(ConnectorReported("cs-1", 1, 1, "Available"))
    assert [e.plate for e in site.of(EvseReserved)] == ["BOBSCAR"]


def test_a_charger_with_another_plug_is_not_for_this_car():
    site = one_charger_taken_by_ann()
    site.give(WaitAsked("BOBSCAR", "CHADEMO", "kiosk"))
    joined(site, "CATSCAR")
    assert [p.wait_ms is None for p in line(site)] == [True, False]
    ann_leaves(site)
    assert [e.plate for e in site.of(EvseReserved)] == ["CATSCAR"]


def test_who_cannot_wait_is_told_why():
    site = one_charger_taken_by_ann()
    assert site.give(WaitAsked("NOBODY", "", "kiosk")).found is False
    assert "is charging" in site.give(WaitAsked("ANNSCAR", "", "kiosk")).problem
    assert "CCS, NACS" in site.give(WaitAsked("BOBSCAR", "SCHUKO", "kiosk")).problem
    joined(site, "BOBSCAR")
    assert "already" in site.give(WaitAsked("bob scar", "", "kiosk")).problem
    assert site.give(WaitCancelled("w-9")) == RequestReply(problem="nobody waits under w-9", found=False)
    assert len(site.of(WaitingJoined)) == 1
    assert site.now_ms == NINE_MS
