"""Readings of meters: what is booked of each, what is believed, and what is billed."""

from edge.rules.inputs import Matches, MeterReported
from shared.events import EnergyMetered, TransactionEnded, TransactionFlagged
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
WITH_ANN = Matches(rights=(ANN,))


def with_ann_inside() -> Site:
    site = Site(facility(11_000, 11_000))
    site.connect("cs-1", "cs-2")
    site.drive_through("in-1", "ANNSCAR", ANN)
    return site


def test_a_register_that_falls_is_flagged_and_not_billed():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=50_000)
    for seq_no, register_wh in enumerate((55_000, 3, 60_000), 1):
        site.wait(1800)
        site.transaction("cs-1", "Updated", seq_no, register_wh=register_wh)
    site.transaction("cs-1", "Ended", 4)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.flags, ended.energy_method) == (10_000, ("METER_BACKWARDS",), "REGISTER")


def test_a_register_that_rises_faster_than_the_charger_can_is_flagged_and_not_billed():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 1, register_wh=9_000_000)
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.flags, ended.energy_method) == (0, ("METER_JUMPED",), "NONE")


def test_a_negative_register_is_not_booked():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.transaction("cs-1", "Updated", 1, register_wh=-7, soc_pct=50)
    assert [e.register_wh for e in site.of(EnergyMetered)] == [None]
    assert [e.flag for e in site.of(TransactionFlagged)] == ["METER_ABSURD"]


def test_power_alone_is_never_billed():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    site.wait(3600)
    site.transaction("cs-1", "Updated", 1, power_w=11_000)
    site.transaction("cs-1", "Ended", 2)
    assert [(e.energy_wh, e.energy_method) for e in site.of(TransactionEnded)] == [(0, "NONE")]


def test_the_method_is_signed_when_every_register_was():
    site = with_ann_inside()
    who = {"id_token": "TOKEN-ann", "matches": WITH_ANN}
    site.transaction("cs-1", "Started", 0, register_wh=0, signed=True, **who)
    site.wait(3600)
    site.transaction("cs-1", "Ended", 1, register_wh=5_000, signed=True)
    assert [e.energy_method for e in site.of(TransactionEnded)] == ["SIGNED"]


def test_a_station_that_says_its_power_is_0_is_believed_less_than_its_register():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=0)
    site.wait(360)
    site.transaction("cs-1", "Updated", 1, register_wh=1_000, power_w=0)
    assert [e.power_w for e in site.of(EnergyMetered)] == [10_000]


def test_a_bare_reading_from_before_the_transaction_is_another_ones():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN, register_wh=5_000)
    site.give(MeterReported("cs-1", 1, NINE_MS - 60_000, register_wh=4_000))
    assert site.of(EnergyMetered) == []


def test_a_bare_reading_is_booked_on_the_transaction_at_its_evse():
    site = with_ann_inside()
    site.transaction("cs-1", "Started", 0, id_token="TOKEN-ann", matches=WITH_ANN)
    site.give(MeterReported("cs-1", 1, NINE_MS + 1, register_wh=700))
    site.give(MeterReported("cs-2", 1, NINE_MS + 1, register_wh=999))
    assert [e.register_wh for e in site.of(EnergyMetered)] == [700]
