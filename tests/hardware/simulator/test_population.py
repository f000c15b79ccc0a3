"""The traffic of a seed: the same again when asked again, and enough of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hardware.simulator.customers import CardKind, customers
from hardware.simulator.population import Settings, Visit, visits
from shared.clock import HOUR_MS, MINUTE_MS, from_datetime
from shared.ids import normalise_plate
from shared.rights import RightKind

ZONE = "America/New_York"
SETTINGS = Settings(facility_ids=("boston-downtown", "philadelphia-center-city"))


def midnight(day: int) -> int:
    return from_datetime(datetime(2026, 3, day, tzinfo=ZoneInfo(ZONE)))


MONDAY, SUNDAY = midnight(9), midnight(15)


def day(seed: str = "7", facility_id: str = "boston-downtown", start_ms: int = MONDAY) -> list[Visit]:
    return visits(seed, facility_id, start_ms, ZONE, SETTINGS)


def between(found: list[Visit], start: int, end: int) -> list[Visit]:
    return [v for v in found if MONDAY + start * HOUR_MS <= v.arrives_at_ms < MONDAY + end * HOUR_MS]


def test_the_same_seed_asks_for_the_same_cars() -> None:
    assert day() == day()


def test_another_seed_day_or_facility_asks_for_other_cars() -> None:
    plates = {v.plate for v in day() if v.kind is RightKind.TICKET}
    for other in (day(seed="8"), day(start_ms=midnight(10)), day(facility_id="philadelphia-center-city")):
        assert plates.isdisjoint(v.plate for v in other if v.kind is RightKind.TICKET)


@pytest.mark.parametrize("facility_id", SETTINGS.facility_ids)
@pytest.mark.parametrize("seed", ["7", "1", "2", "3", "4", "5"])
def test_a_workday_brings_enough_traffic_for_a_morning(seed: str, facility_id: str) -> None:
    found = day(seed, facility_id)
    morning = between(found, 7, 11)
    assert 500 <= len(found) <= 750
    assert len(morning) > 200
    assert sum(v.wants_charge and v.kind is not RightKind.TICKET for v in morning) > 20
    assert 0.12 <= sum(v.is_ev for v in found) / len(found) <= 0.16


@pytest.mark.parametrize("seed", ["7", "1", "2"])
def test_a_facility_of_224_spaces_is_well_used_and_seldom_full(seed: str) -> None:
    found = day(seed)
    inside = [
        sum(v.arrives_at_ms <= at_ms < v.arrives_at_ms + v.stay_ms for v in found)
        for at_ms in range(MONDAY, MONDAY + 24 * HOUR_MS, 10 * MINUTE_MS)
    ]
    assert 150 <= max(inside) <= 235


def test_a_workday_has_a_morning_rush_and_a_sunday_has_not() -> None:
    morning = len(between(day(), 7, 10))
    sunday = sum(7 * HOUR_MS <= v.arrives_at_ms - SUNDAY < 10 * HOUR_MS for v in day(start_ms=SUNDAY))
    assert morning > 1.5 * sunday > 0


def test_visits_come_in_the_order_of_their_arrivals_and_within_their_day() -> None:
    arrivals = [v.arrives_at_ms for v in day()]
    assert arrivals == sorted(arrivals)
    assert MONDAY <= arrivals[0] <= arrivals[-1] < midnight(10)


def test_a_registered_car_is_never_asked_to_be_in_two_places() -> None:
    boston, philadelphia = (day(facility_id=f) for f in SETTINGS.facility_ids)
    registered = [{v.plate for v in found if v.kind is not RightKind.TICKET} for found in (boston, philadelphia)]
    assert registered[0].isdisjoint(registered[1])
    last_left_ms: dict[str, int] = {}
    for visit in boston:
        assert last_left_ms.get(visit.plate, 0) < visit.arrives_at_ms
        last_left_ms[visit.plate] = visit.arrives_at_ms + visit.stay_ms


def test_every_registered_visit_is_a_customers_and_carries_their_token() -> None:
    owners = {v.plate: c for c in customers("7", SETTINGS.customers) for v in c.vehicles}
    for visit in day():
        owner = owners.get(visit.plate)
        assert (visit.kind, visit.id_token) == ((owner.kind, owner.id_token) if owner else (RightKind.TICKET, ""))


def test_what_an_ev_wants_fits_its_battery_and_other_cars_want_nothing() -> None:
    for visit in day():
        assert visit.stay_ms > 0
        assert 0 <= visit.energy_wh <= 0.8 * visit.battery_wh
        assert (visit.energy_wh > 0) is visit.is_ev


def test_plates_are_in_the_form_that_is_compared() -> None:
    for visit in day():
        assert visit.plate == normalise_plate(visit.plate)


def test_a_facility_that_is_not_in_the_settings_is_an_error() -> None:
    with pytest.raises(ValueError, match="boston-downtown"):
        visits("7", "nowhere", MONDAY, ZONE, SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"facility_ids": ()}, {"vehicles_per_day": 0}, {"customers": 1}, {"ev_share": 1.5}, {"unread_share": -1}]
)
def test_settings_that_cannot_be_meant_are_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at least|between"):
        Settings(**{"facility_ids": ("a",), **wrong})  # type: ignore[arg-type]


def test_a_longer_list_of_customers_begins_with_the_shorter_one() -> None:
    assert customers("7", 40)[:10] == customers("7", 10)


def test_customers_have_names_plates_and_tokens_of_their_own() -> None:
    many = customers("7", 320)
    assert len({c.email for c in many}) == len({c.id_token for c in many}) == 320
    assert len({v.plate for c in many for v in c.vehicles}) == sum(len(c.vehicles) for c in many)
    assert all(c.email.endswith(("@example.com", "@example.org")) for c in many)


def test_a_few_customers_have_a_card_that_does_not_work() -> None:
    cards = [c.card for c in customers("7", 1000)]
    assert 5 <= cards.count(CardKind.DECLINED) <= 60
    assert 5 <= cards.count(CardKind.NEEDS_AUTHENTICATION) <= 60


def test_customers_have_a_pass_or_an_account() -> None:
    assert {c.kind for c in customers("7", 100)} == {RightKind.SUBSCRIPTION, RightKind.ACCOUNT}
