"""Who may enter, and where the car goes."""

import pytest

from edge.rules.access import Admission, Inside, Refusal, admit, best_right, choose_space, open_at
from edge.rules.inputs import NO_MATCHES, Matches
from shared.clock import HOUR_MS
from shared.decisions import PlateBlocked
from shared.facilities import FacilityStatus, Hours, Size, SpaceKind
from shared.rights import RightKind, Vehicle
from tests.builders import NINE_MS, facility, right

NOBODY = Inside(plates=(), spaces=())


def test_an_unknown_plate_takes_a_ticket_and_a_regular_space():
    found = admit(facility(11_000), "ABC", NO_MATCHES, NOBODY, NINE_MS)
    assert isinstance(found, Admission)
    assert (found.right.kind, found.space.kind) == (RightKind.TICKET, SpaceKind.REGULAR)


def test_a_blocked_plate_is_refused_even_with_a_right():
    matches = Matches(rights=(right("ann", "ABC"),), block=PlateBlocked(plate="ABC", reason="unpaid"))
    assert admit(facility(), "ABC", matches, NOBODY, NINE_MS) is Refusal.BLOCKED


def test_a_plate_that_is_inside_is_refused_even_with_a_right():
    inside = Inside(plates={"ABC"}, spaces=())
    assert admit(facility(), "ABC", Matches(rights=(right("ann", "ABC"),)), inside, NINE_MS) is Refusal.ALREADY_INSIDE


def test_a_full_facility_refuses():
    inside = Inside(plates=(), spaces={"r-1", "r-2", "r-3"})
    assert admit(facility(), "ABC", NO_MATCHES, inside, NINE_MS) is Refusal.FULL


@pytest.mark.parametrize("status", [FacilityStatus.INACTIVE, FacilityStatus.MAINTENANCE])
def test_a_facility_that_is_not_active_is_closed(status):
    assert admit(facility(status=status), "ABC", NO_MATCHES, NOBODY, NINE_MS) is Refusal.CLOSED


@pytest.mark.parametrize(
    ("hours", "hour", "is_open"),
    [
        (Hours(), 9, True),
        (Hours(opens="06:00", closes="22:00"), 9, True),
        (Hours(opens="06:00", closes="22:00"), 23, False),
        (Hours(opens="22:00", closes="04:00"), 23, True),
        (Hours(opens="22:00", closes="04:00"), 27, True),
        (Hours(opens="22:00", closes="04:00"), 12, False),
        (Hours(days=(0, 1)), 9, False),
        (Hours(opens="22:00", closes="04:00", days=(3,)), 27, True),
        (Hours(opens="22:00", closes="04:00", days=(4,)), 27, False),
    ],
)
def test_opening_hours_are_local_and_may_run_past_midnight(hours, hour, is_open):
    """``hour`` counts from the midnight before Thursday the first of January."""
    assert open_at(facility(hours=hours), NINE_MS + (hour - 9) * HOUR_MS) is is_open


def test_a_reservation_comes_before_a_pass_and_a_pass_before_an_account():
    rights = tuple(
        right(k.lower(), "ABC", k) for k in (RightKind.ACCOUNT, RightKind.SUBSCRIPTION, RightKind.RESERVATION)
    )
    order = []
    while found := best_right(rights, "test-facility", NINE_MS):
        order.append(found.kind)
        rights = tuple(r for r in rights if r is not found)
    assert order == [RightKind.RESERVATION, RightKind.SUBSCRIPTION, RightKind.ACCOUNT]


def test_a_right_that_has_lapsed_or_is_for_another_facility_is_no_right():
    lapsed = right("a", "ABC", until_ms=NINE_MS)
    elsewhere = right("b", "ABC", facility_ids=("other",))
    assert best_right((lapsed, elsewhere), "test-facility", NINE_MS) is None


def test_an_ev_gets_an_ev_space_while_there_is_one_then_a_regular_one():
    site = facility(11_000)
    ev = Vehicle(plate="ABC", is_ev=True)
    assert choose_space(site, ev, ()).kind is SpaceKind.EV
    assert choose_space(site, ev, {"ev-1"}).kind is SpaceKind.REGULAR


def test_an_operator_can_keep_evs_to_ev_spaces():
    site = facility(11_000, evs_only_in_ev_spaces=True)
    assert choose_space(site, Vehicle(plate="ABC", is_ev=True), {"ev-1"}) is None


def test_other_cars_get_ev_spaces_only_where_the_operator_lets_them():
    taken = {"r-1", "r-2", "r-3"}
    assert choose_space(facility(11_000), Vehicle(plate="ABC"), taken) is None
    relaxed = facility(11_000, only_evs_in_ev_spaces=False)
    assert choose_space(relaxed, Vehicle(plate="ABC"), taken).kind is SpaceKind.EV


def test_the_smallest_space_that_is_enough_is_given():
    site = facility()
    sizes = [Size.LARGE, Size.COMPACT, Size.STANDARD]
    spaces = tuple(s.model_copy(update={"size": size}) for s, size in zip(site.spaces, sizes, strict=True))
    site = site.model_copy(update={"spaces": spaces})
    found = {size: choose_space(site, Vehicle(plate="A", size=size), ()).size for size in Size}
    assert found == {size: size for size in Size}


def test_a_space_out_of_service_is_not_given():
    site = facility(regular=1)
    broken = site.model_copy(update={"spaces": (site.spaces[0].model_copy(update={"in_service": False}),)})
    assert choose_space(broken, Vehicle(plate="A"), ()) is None
