"""What must hold for every tariff and every stay."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS
from shared.facilities import SpaceKind
from shared.rating import ChargingUse, Quote, Stay, rate
from shared.tariffs import Cap, ComponentType, Element, PriceComponent, Restrictions, Tariff, Tax

SPRING_MS = 1_772_928_000_000
"""2026-03-08 00:00 UTC: stays drawn from here on cross the night when New York puts its clocks forward."""

PARKING_TYPES = (ComponentType.STAY_TIME, ComponentType.FLAT)
CHARGING_TYPES = tuple(t for t in ComponentType if t is not ComponentType.STAY_TIME)

prices = st.decimals(0, 20, places=3)
times = st.none() | st.sampled_from(("00:00", "01:30", "02:00", "02:30", "06:00", "22:00"))
days = st.just(()) | st.just(("SUNDAY",)) | st.just(("SATURDAY", "MONDAY"))
durations = st.none() | st.integers(0, 40).map(lambda half_hours: half_hours * 1_800)
kwh = st.none() | st.decimals(0, 40, places=1)


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    return Restrictions(
        start_time=draw(times),
        end_time=draw(times),
        day_of_week=draw(days),
        min_duration=draw(durations),
        max_duration=draw(durations),
        min_kwh=draw(kwh),
        max_kwh=draw(kwh),
    )


@st.composite
def elements(draw: st.DrawFn, types: tuple[ComponentType, ...]) -> Element:
    kinds = draw(st.lists(st.sampled_from(types), min_size=1, max_size=2, unique=True))
    grace_s = draw(st.sampled_from((0, 600)))
    return Element(
        price_components=tuple(PriceComponent(type=k, price=draw(prices), grace_s=grace_s) for k in kinds),
        restrictions=draw(st.just(Restrictions()) | restrictions()),
    )


@st.composite
def tariffs(draw: st.DrawFn, kind: str, types: tuple[ComponentType, ...]) -> Tariff:
    """Any tariff of a kind; caps and taxes, where there are any, are over all its types."""
    amounts = st.decimals("0.01", 40, places=2)
    caps = [Cap(amount=draw(amounts), window_s=w, types=types) for w in (86_400, 7 * 86_400) if draw(st.booleans())]
    taxes = [
        Tax(name=f"tax {n}", rate_pct=draw(st.decimals(0, 30, places=2)), types=types)
        for n in range(draw(st.integers(0, 2)))
    ]
    return Tariff(
        tariff_id=kind.lower(),
        version=1,
        kind=kind,
        elements=tuple(draw(st.lists(elements(types), min_size=1, max_size=4))),
        min_price=draw(st.none() | st.decimals(0, 5, places=2)),
        max_price=draw(st.none() | st.decimals(5, 90, places=2)),
        caps=tuple(caps),
        taxes=tuple(taxes),
    )


parking_tariffs = tariffs("PARKING", PARKING_TYPES)
charging_tariffs = tariffs("CHARGING", CHARGING_TYPES)
lengths_ms = st.integers(0, 10 * DAY_MS) | st.integers(0, 20).map(lambda h: h * HOUR_MS)


@st.composite
def uses(draw: st.DrawFn) -> ChargingUse:
    started_ms = SPRING_MS + draw(st.integers(0, DAY_MS))
    finished_ms = started_ms + draw(st.integers(0, DAY_MS))
    ended_ms = finished_ms + draw(st.integers(0, DAY_MS))
    return ChargingUse(
        label="cs-1",
        started_ms=started_ms,
        finished_ms=finished_ms,
        ended_ms=ended_ms,
        energy_wh=draw(st.integers(0, 90_000)),
        covered=draw(st.booleans()),
    )


def stay(length_ms: int, *charging: ChargingUse, entered_ms: int = SPRING_MS, covered: bool = False) -> Stay:
    return Stay(
        facility_id="boston",
        zone="America/New_York",
        space_kind=SpaceKind.EV,
        entered_ms=entered_ms,
        until_ms=entered_ms + length_ms,
        charging=charging,
        covers_parking=covered,
        covers_charging=covered,
    )


def before_tax(quote: Quote) -> int:
    return quote.total_cents - quote.tax_cents


@settings(deadline=None)
@given(parking_tariffs, charging_tariffs, lengths_ms, st.lists(uses(), max_size=2))
def test_the_total_is_the_sum_of_the_lines_and_each_line_is_what_it_says(
    parking: Tariff, charging: Tariff, length_ms: int, charged: list[ChargingUse]
) -> None:
    quote = rate(stay(length_ms, *charged), (parking, charging))
    assert quote.total_cents == sum(line.amount_cents for line in quote.lines)
    assert quote.tax_cents == sum(line.amount_cents for line in quote.lines if line.kind == "TAX")
    for line in quote.lines:
        assert abs(line.quantity * line.unit_price * 100 - line.amount_cents) <= Decimal("0.500001"), line


@settings(deadline=None)
@given(parking_tariffs, charging_tariffs, lengths_ms, st.lists(uses(), max_size=2))
def test_no_one_is_ever_paid_for_parking(
    parking: Tariff, charging: Tariff, length_ms: int, charged: list[ChargingUse]
) -> None:
    quote = rate(stay(length_ms, *charged), (parking, charging))
    assert quote.total_cents >= 0
    assert quote.tax_cents >= 0


@settings(deadline=None)
@given(parking_tariffs, lengths_ms, st.integers(0, 2 * DAY_MS))
def test_staying_longer_is_never_cheaper(parking: Tariff, length_ms: int, more_ms: int) -> None:
    assert rate(stay(length_ms), (parking,)).total_cents <= rate(stay(length_ms + more_ms), (parking,)).total_cents


@settings(deadline=None)
@given(parking_tariffs, charging_tariffs, uses(), st.integers(0, DAY_MS))
def test_unplugging_later_is_never_cheaper(parking: Tariff, charging: Tariff, use: ChargingUse, more_ms: int) -> None:
    later = use.model_copy(update={"ended_ms": use.ended_ms + more_ms})
    sooner_cents, later_cents = (rate(stay(DAY_MS, u), (parking, charging)).total_cents for u in (use, later))
    assert sooner_cents <= later_cents


@settings(deadline=None)
@given(parking_tariffs, st.integers(0, 9), st.decimals("0.01", 40, places=2), st.sampled_from((6, 24)))
def test_no_window_from_entry_adds_more_than_its_cap(
    parking: Tariff, windows: int, amount: Decimal, window_h: int
) -> None:
    cap = Cap(amount=amount, window_s=window_h * 3_600, types=PARKING_TYPES)
    capped = parking.model_copy(update={"caps": (cap,), "min_price": None})
    before, after = (rate(stay(n * window_h * HOUR_MS), (capped,)) for n in (windows, windows + 1))
    assert before_tax(after) - before_tax(before) <= amount * 100 or windows == 0
    assert before_tax(after) <= (windows + 1) * amount * 100


@settings(deadline=None)
@given(parking_tariffs, charging_tariffs, lengths_ms, st.lists(uses(), max_size=2))
def test_what_a_pass_covers_altogether_costs_nothing(
    parking: Tariff, charging: Tariff, length_ms: int, charged: list[ChargingUse]
) -> None:
    quote = rate(stay(length_ms, *charged, covered=True), (parking, charging))
    assert (quote.total_cents, quote.tax_cents) == (0, 0)


@settings(deadline=None)
@given(parking_tariffs, lengths_ms, st.integers(0, 5 * 86_400))
def test_writing_one_price_as_two_that_follow_each_other_changes_nothing(
    parking: Tariff, length_ms: int, split_s: int
) -> None:
    halves = [
        element.model_copy(update={"restrictions": element.restrictions.model_copy(update=bound)})
        for element in parking.elements
        if element.restrictions == Restrictions()
        for bound in ({"max_duration": split_s}, {"min_duration": split_s})
    ]
    if halves:
        first_unrestricted = next(i for i, e in enumerate(parking.elements) if e.restrictions == Restrictions())
        rest = parking.elements[:first_unrestricted], parking.elements[first_unrestricted + 1 :]
        split = parking.model_copy(update={"elements": (*rest[0], *halves[:2], *rest[1])})
        assert rate(stay(length_ms), (split,)).lines == rate(stay(length_ms), (parking,)).lines


@settings(deadline=None)
@given(lengths_ms, st.integers(0, 700 * DAY_MS), st.integers(1, 48), prices, prices)
def test_without_a_wall_clock_in_the_tariff_only_the_length_counts(
    length_ms: int, shift_ms: int, first_h: int, first: Decimal, then: Decimal
) -> None:
    component = [PriceComponent(type=ComponentType.STAY_TIME, price=price) for price in (first, then)]
    tariff = Tariff(
        tariff_id="parking",
        version=1,
        kind="PARKING",
        elements=(
            Element(price_components=(component[0],), restrictions=Restrictions(max_duration=first_h * 3_600)),
            Element(price_components=(component[1],)),
        ),
    )
    here, there = (rate(stay(length_ms, entered_ms=SPRING_MS + ms), (tariff,)) for ms in (0, shift_ms))
    assert here == there


@settings(deadline=None)
@given(parking_tariffs, charging_tariffs, uses(), uses())
def test_each_charging_session_is_priced_by_itself(
    parking: Tariff, charging: Tariff, one: ChargingUse, other: ChargingUse
) -> None:
    both, first, second, none = (
        before_tax(rate(stay(10 * MINUTE_MS, *charged), (parking, charging)))
        for charged in ((one, other), (one,), (other,), ())
    )
    assert both - none == (first - none) + (second - none)
