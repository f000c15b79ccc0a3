"""Who may charge beside the plain cases: groups, plugs, reservations, blocked plates."""

import pytest

from edge.rules import charging_view
from edge.rules.inputs import Authorization, AuthorizeAsked, Matches, OrderSetpoint, StationOpened
from edge.rules.knowledge import StandingSeen
from edge.rules.orders import StopCharging
from edge.rules.requests import ReservationAsked
from shared.clock import HOUR_MS
from shared.decisions import PlateBlocked
from shared.events import ChargingRefused, ChargingToken, StandingChanged, TransactionEnded, TransactionFlagged
from shared.facilities import ConnectorType
from shared.rights import Right, RightKind, Vehicle
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR", group_id="family")
BOB = right("bob", "BOBSCAR", group_id="family")
EVE = right("eve", "EVESCAR")


def inside(*rights: Right) -> Site:
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    for holder in rights:
        site.drive_through("in-1", holder.vehicles[0].plate, holder)
    return site


def shown(site: Site, holder: Right, station_id: str = "cs-1", evse_id: int | None = None) -> Authorization:
    return site.give(AuthorizeAsked(station_id, holder.tokens[0], evse_id, Matches(rights=(holder,))))


def start(site: Site, holder: Right, station_id: str = "cs-1") -> Authorization:
    matches = Matches(rights=(holder,))
    return site.transaction(station_id, "Started", 0, id_token=holder.tokens[0], matches=matches, register_wh=0)


def stops(site: Site) -> list[str]:
    return [
        s.order.transaction_id
        for s in site.setpoints
        if isinstance(s, OrderSetpoint) and isinstance(s.order, StopCharging)
    ]


def test_the_group_of_a_token_is_told_so_that_the_station_lets_its_others_stop_it():
    site = inside(ANN)
    assert start(site, ANN) == Authorization("Accepted", group_id="family")


def test_a_token_of_the_group_may_stop_what_charges_though_its_own_car_is_not_inside():
    site = inside(ANN)
    start(site, ANN)
    assert shown(site, BOB) == Authorization("Accepted", group_id="family")
    assert shown(site, EVE).status == "NotAtThisLocation"


def test_whoever_began_may_stop_where_it_charges_but_not_charge_elsewhere_too():
    site = inside(ANN)
    start(site, ANN)
    assert shown(site, ANN, "cs-1").status == "Accepted"
    assert shown(site, ANN, "cs-2").status == "ConcurrentTx"
    assert shown(site, ANN, "cs-1", 1).status == "ConcurrentTx"


def test_a_strangers_token_on_a_running_charge_is_told_what_it_is_worth_and_changes_nothing():
    site = inside(ANN)
    start(site, ANN)

    def told(token: str, seq_no: int, **more: object) -> Authorization:
        return site.transaction("cs-1", "Updated", seq_no, id_token=token, **more)

    assert told("TOKEN-nobody", 1).status == "Unknown"
    assert told("TOKEN-bob", 2, matches=Matches(rights=(BOB,))) == Authorization("Accepted", group_id="family")
    assert told("token-ANN", 3).status == "Accepted"
    assert told("annscar", 4).status == "Accepted"
    [running] = site.state.transactions.values()
    assert (running.id_token, running.closing) == ("TOKEN-ann", None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"until_ms": NINE_MS}, "Expired"),
        ({"from_ms": NINE_MS + HOUR_MS}, "NotAtThisTime"),
        ({"facility_ids": ("elsewhere",)}, "NotAtThisLocation"),
        ({"facility_ids": ("elsewhere",), "until_ms": NINE_MS}, "NotAtThisLocation"),
    ],
)
def test_a_token_whose_right_does_not_hold_is_told_why(changes, status):
    site = inside()
    assert shown(site, right("ann", "ANNSCAR", **changes)).status == status


def test_a_start_by_button_goes_on_the_car_whose_space_it_is_and_on_nobodys_elsewhere():
    site = inside(ANN)
    session = site.state.sessions[site.state.session_of_plate["ANNSCAR"]]
    here, elsewhere = ("cs-1", "cs-2") if session.space_id == "ev-1" else ("cs-2", "cs-1")
    assert site.transaction(elsewhere, "Started", 0, id_token="").status == "NotAtThisLocation"
    assert site.transaction(here, "Started", 0, id_token="").status == "Accepted"
    assert site.transaction(here, "Started", 0, id_token="").status == "Accepted"
    running = next(t for t in site.state.transactions.values() if t.station_id == here)
    assert running.session_id == session.session_id


@pytest.mark.parametrize(
    ("inlet", "status"),
    [
        (None, "Accepted"),
        (ConnectorType.TYPE1, "Accepted"),
        (ConnectorType.CCS, "Accepted"),
        (ConnectorType.NACS, "Accepted"),
    ],
)
def test_a_type_1_plug_fits_every_inlet(inlet, status):
    holder = right("ann", "ANNSCAR", vehicles=(Vehicle(plate="ANNSCAR", is_ev=True, connector=inlet),))
    assert shown(inside(holder), holder).status == status


def test_a_plug_that_does_not_fit_the_car_is_refused_as_such():
    holder = right("ann", "ANNSCAR", vehicles=(Vehicle(plate="ANNSCAR", is_ev=True, connector=ConnectorType.NACS),))
    site = inside(holder)
    station = site.facility.stations[0]
    chademo = station.evses[0].model_copy(update={"connector": ConnectorType.CHADEMO})
    stations = (station.model_copy(update={"evses": (chademo,)}), *site.facility.stations[1:])
    site.facility = site.facility.model_copy(update={"stations": stations})
    assert shown(site, holder).status == "NotAllowedTypeEVSE"


def test_a_charger_that_is_kept_for_another_is_not_for_now():
    site = inside(ANN, EVE)
    site.give(ReservationAsked("cs-1", 1, NINE_MS + HOUR_MS, "desk", id_token="TOKEN-eve"))
    assert shown(site, ANN).status == "NotAtThisTime"
    assert shown(site, EVE).status == "Accepted"
    assert shown(site, ANN, "cs-2").status == "Accepted"


def refusals(site: Site) -> list[tuple[str, str]]:
    return [(r.status, r.reason) for r in charging_view.refusals(site.state)]


def test_who_may_not_charge_is_told_why_and_whoever_helps_finds_it_newest_first():
    site = inside(ANN)
    site.give(AuthorizeAsked("cs-1", "FOUND-CARD", None, Matches()))
    site.wait(60)
    shown(site, EVE)
    told = charging_view.refusals(site.state)
    assert [(r.status, r.reason) for r in told] == [
        ("NotAtThisLocation", "no car of this customer is inside"),
        ("Unknown", "no right for this token"),
    ]
    assert (told[0].at_ms, told[0].station_id, told[0].id_token) == (site.now_ms, "cs-1", "TOKEN-eve")
    assert [(e.status, e.reason) for e in reversed(site.of(ChargingRefused))] == refusals(site)


def test_where_no_evse_may_start_the_card_is_refused_before_the_cable():
    site = Site(facility(11_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.drive_through("in-1", "ANNSCAR", ANN)
    assert shown(site, ANN).status == "NotAtThisTime"
    assert refusals(site) == [("NotAtThisTime", "the charger has not confirmed its power limit yet")]


def test_a_charger_that_refuses_limits_where_its_full_power_has_no_room_says_so():
    site = Site(facility(11_000, budget_w=5_000))
    site.give(StationOpened("cs-1", "2.0.1"))
    site.reply(site.unanswered()[0], "REJECTED")
    site.drive_through("in-1", "ANNSCAR", ANN)
    assert shown(site, ANN).reason == "the charger takes no power limit, and there is no room for its full power"


def test_a_transaction_that_nobody_pays_for_says_why():
    site = inside(ANN)
    site.transaction("cs-1", "Started", 0)
    assert [t.problem for t in charging_view.transactions(site.state)] == ["no token was shown"]
    site.transaction("cs-1", "Updated", 1, id_token="TOKEN-eve", matches=Matches(rights=(EVE,)))
    [running] = charging_view.transactions(site.state)
    assert (running.plate, running.problem) == ("", "no car of this customer is inside")
    site.transaction("cs-1", "Updated", 2, id_token="TOKEN-ann", matches=Matches(rights=(ANN,)))
    [running] = charging_view.transactions(site.state)
    assert (running.plate, running.problem) == ("ANNSCAR", "")


def test_of_many_refusals_the_newest_are_kept():
    site = inside(ANN)
    for _ in range(60):
        shown(site, EVE)
    assert len(refusals(site)) == 50


def test_a_pass_that_runs_out_while_it_charges_pays_to_the_end():
    holder = right("ann", "ANNSCAR", RightKind.SUBSCRIPTION, covers_charging=True, until_ms=NINE_MS + HOUR_MS)
    site = inside(holder)
    start(site, holder)
    site.wait(2 * 3600)
    site.give(StandingSeen("ANNSCAR", Matches(rights=(holder,))))
    site.transaction("cs-1", "Ended", 1, register_wh=9_000)
    assert stops(site) == []
    assert [e.right.covers_charging for e in site.of(TransactionEnded)] == [True]


def test_a_right_that_was_taken_away_stops_what_charges_on_it():
    site = inside(ANN)
    start(site, ANN)
    site.give(StandingSeen("ANNSCAR", Matches()))
    assert stops(site) == ["tx"]
    assert [e.flag for e in site.of(TransactionFlagged)] == ["RIGHT_ENDED"]


def test_another_right_for_the_car_lets_it_go_on():
    site = inside(ANN)
    start(site, ANN)
    site.give(StandingSeen("ANNSCAR", Matches(rights=(right("other", "ANNSCAR"),))))
    assert stops(site) == []


def test_a_plate_that_is_blocked_meanwhile_stops_and_does_not_start_again():
    site = inside(ANN)
    start(site, ANN)
    block = PlateBlocked(plate="ANNSCAR", reason="stolen")
    site.give(StandingSeen("ANNSCAR", Matches(rights=(ANN,), block=block)))
    assert stops(site) == ["tx"]
    site.transaction("cs-1", "Ended", 1)
    assert shown(site, ANN).status == "Blocked"


def test_what_a_car_may_charge_with_is_booked_when_it_changes_only():
    site = inside(ANN)
    for _ in range(3):
        site.give(StandingSeen("ANNSCAR", Matches(rights=(ANN,))))
    assert [e.tokens for e in site.of(StandingChanged)] == [(ChargingToken(id_token="TOKEN-ann", group_id="family"),)]


def test_energy_that_nobody_pays_for_is_stopped():
    site = inside()
    site.transaction("cs-1", "Started", 0, charging_state="Charging")
    site.wait(59)
    assert stops(site) == []
    site.wait(2)
    assert stops(site) == ["tx"]
