"""The law of meter values: what real stations leave out or write oddly still becomes watt-hours, watts and percent."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.ocpp.metering import Reading, read
from edge.ocpp.moments import instant, written

NOON = 1_700_000_000_000
LATER = NOON + 60_000
REGISTER = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


def sampled(value: float, measurand: str | None = None, unit: str | None = None, **more: Any) -> dict[str, Any]:
    multiplier = more.pop("multiplier", None)
    measure = {k: v for k, v in {"unit": unit, "multiplier": multiplier}.items() if v is not None}
    said = {"measurand": measurand, "unitOfMeasure": measure or None}
    return {"value": value, **{k: v for k, v in said.items() if v is not None}, **more}


def at(at_ms: int, *values: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": written(at_ms), "sampledValue": list(values)}


def reading(*values: dict[str, Any], **more: Any) -> Reading:
    return read([at(NOON, *values)], received_at_ms=LATER, **more)


@pytest.mark.parametrize(
    ("value", "watt_hours"),
    [
        (sampled(1234.4), 1234),
        (sampled(1234, REGISTER), 1234),
        (sampled(1234, REGISTER, "Wh"), 1234),
        (sampled(1.234, REGISTER, "kWh"), 1234),
        (sampled(1.234, REGISTER, "KWH"), 1234),
        (sampled(1.234, REGISTER, "Wh", multiplier=3), 1234),
        (sampled(12340, REGISTER, "Wh", multiplier=-1), 1234),
        (sampled(1234, REGISTER, "furlong"), 1234),
        (sampled(-5, REGISTER), None),
        (sampled(1e300, REGISTER), None),
        (sampled(1, REGISTER, "Wh", multiplier=10**9), None),
        (sampled(1234, "Energy.Active.Export.Register"), None),
    ],
)
def test_a_register_comes_in_any_unit_or_none(value: dict[str, Any], watt_hours: int | None) -> None:
    assert reading(value).register_wh == watt_hours


def test_power_without_a_unit_is_watts_though_the_schema_defaults_to_watt_hours() -> None:
    assert reading(sampled(7_400, POWER)).power_w == 7_400
    assert reading(sampled(7.4, POWER, "kW")).power_w == 7_400


def test_power_below_nothing_is_the_noise_of_a_meter() -> None:
    assert reading(sampled(-3, POWER, "W")).power_w == 0


@pytest.mark.parametrize(("value", "percent"), [(0, 0), (79.6, 80), (100, 100), (101, None), (-1, None)])
def test_a_state_of_charge_outside_nought_to_a_hundred_is_none(value: float, percent: int | None) -> None:
    assert reading(sampled(value, "SoC", "Percent")).soc_pct == percent


def test_a_total_is_taken_and_its_phases_are_ignored() -> None:
    values = [sampled(3_000, POWER, phase=f"L{n}") for n in (1, 2, 3)]
    assert reading(*values, sampled(8_900, POWER)).power_w == 8_900


@pytest.mark.parametrize("names", [("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"), ("L1",)])
def test_without_a_total_the_phases_are_added_up(names: tuple[str, ...]) -> None:
    assert reading(*[sampled(1_000, POWER, phase=n) for n in names]).power_w == 1_000 * len(names)


def test_line_to_line_values_are_no_power_of_a_phase() -> None:
    assert reading(sampled(1_000, POWER, phase="L1-L2")).power_w is None


def test_what_is_measured_at_the_outlet_is_what_the_driver_gets() -> None:
    assert reading(sampled(1_050, REGISTER, location="Inlet"), sampled(1_000, REGISTER)).register_wh == 1_000
    assert reading(sampled(1_050, REGISTER, location="Inlet")).register_wh == 1_050


def test_the_newest_value_counts_whatever_the_order_of_the_list() -> None:
    values = [at(LATER, sampled(2_000)), at(NOON, sampled(1_000), sampled(50, "SoC"))]
    assert read(values, received_at_ms=0) == Reading(LATER, 2_000, None, 50)


def test_a_message_that_ends_a_transaction_is_read_at_its_end() -> None:
    begin = sampled(1_000, context="Transaction.Begin")
    end = sampled(5_000, context="Transaction.End")
    assert reading(end, begin, context="Transaction.End").register_wh == 5_000
    assert reading(end, begin, context="Transaction.Begin").register_wh == 1_000
    assert reading(sampled(3_000), context="Transaction.End").register_wh == 3_000


def test_a_reading_without_anything_of_ours_is_empty() -> None:
    assert reading(sampled(230, "Voltage", "V")).empty
    assert read([], received_at_ms=LATER) == Reading(LATER)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2023-11-14T22:13:20Z", NOON),
        ("2023-11-14T22:13:20.000Z", NOON),
        ("2023-11-14t22:13:20z", NOON),
        ("2023-11-14T22:13:20", NOON),
        ("2023-11-15T00:13:20+02:00", NOON),
        ("2023-11-14T22:13:20.123456789Z", NOON + 123),
        ("yesterday", LATER),
        ("", LATER),
        ("2023-13-45T99:99:99Z", LATER),
        (None, LATER),
    ],
)
def test_a_time_is_read_in_any_form_of_the_standard_and_otherwise_it_is_when_it_came(text: object, at_ms: int) -> None:
    assert instant(text, LATER) == at_ms


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert written(NOON + 7) == "2023-11-14T22:13:20.007Z"


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18)
samples = st.fixed_dictionaries(
    {"value": numbers},
    optional={
        "measurand": st.sampled_from([REGISTER, POWER, "SoC", "Voltage"]),
        "phase": st.sampled_from(["L1", "L2-N", "N", "L1-L2"]),
        "location": st.sampled_from(["Outlet", "Inlet", "EV"]),
        "unitOfMeasure": st.fixed_dictionaries(
            {}, optional={"unit": st.text(max_size=20), "multiplier": st.integers(-(10**18), 10**18)}
        ),
    },
)
meter_values = st.lists(
    st.fixed_dictionaries(
        {"timestamp": st.datetimes().map(str) | st.text(), "sampledValue": st.lists(samples, min_size=1, max_size=4)}
    ),
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(meter_values)
def test_no_values_that_the_schema_allows_give_a_reading_out_of_bounds(values: list[dict[str, Any]]) -> None:
    got = read(values, received_at_ms=NOON)
    assert got.register_wh is None or 0 <= got.register_wh <= 3 * 10**12
    assert got.power_w is None or 0 <= got.power_w <= 3 * 10**12
    assert got.soc_pct is None or 0 <= got.soc_pct <= 100


def test_what_the_car_got_is_metered_at_the_outlet_and_a_total_at_the_inlet_does_not_displace_it() -> None:
    lines = [sampled(100, REGISTER, phase=line, location="Outlet") for line in ("L1", "L2", "L3")]
    assert reading(sampled(390, REGISTER, location="Inlet"), *lines).register_wh == 300


def test_without_an_outlet_the_inlet_counts_before_what_the_car_itself_says() -> None:
    assert reading(sampled(390, REGISTER, location="EV"), sampled(400, REGISTER, location="Inlet")).register_wh == 400
    assert reading(sampled(41, "SoC", location="EV")).soc_pct == 41


def test_a_register_is_signed_when_the_meter_signed_what_it_is_made_of() -> None:
    signature = {"signedMeterData": "x", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}
    assert reading(sampled(5, REGISTER, signedMeterValue=signature)).signed
    assert not reading(sampled(5, REGISTER), sampled(7, POWER, signedMeterValue=signature)).signed
    assert not reading(sampled(-5, REGISTER, signedMeterValue=signature)).signed
    by_line = [sampled(5, REGISTER, phase=line, signedMeterValue=signature) for line in ("L1", "L2")]
    assert reading(*by_line).signed
    assert not reading(*by_line, sampled(5, REGISTER, phase="L3")).signed
