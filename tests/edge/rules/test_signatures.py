"""What the meter's signatures say of a charge's energy."""

from typing import Any

from edge.rules.inputs import TransactionReported
from edge.rules.station_inputs import SignatureChecked
from shared.events import MeterKeySeen, MeterSignatureJudged, SecurityEventReported, TransactionEnded
from tests.builders import facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
KEY, OTHER = "aa", "bb"
HOUR_S = 3_600


def site(meter_public_key: str = "") -> Site:
    built = facility(11_000)
    evse = built.stations[0].evses[0].model_copy(update={"meter_public_key": meter_public_key})
    station = built.stations[0].model_copy(update={"evses": (evse,)})
    found = Site(built.model_copy(update={"stations": (station, *built.stations[1:])}))
    found.drive_through("in-1", "ANNSCAR", ANN)
    found.connect("cs-1")
    return found


def tell(site: Site, kind: str, register_wh: int, *, tx: str = "tx-1", signed: bool = True, **more: Any) -> None:
    numbers = {"Started": 0, "Updated": 1, "Ended": 2}
    site.give(
        TransactionReported(
            "cs-1", tx, kind, numbers[kind], site.now_ms, evse_id=1, register_wh=register_wh, signed=signed, **more
        )
    )


def check(site: Site, outcome: str = "SOUND", *, key: str = KEY, tx: str = "tx-1") -> None:
    site.give(SignatureChecked("cs-1", tx, 1, outcome, "why", key if outcome == "SOUND" else ""))  # type: ignore[arg-type]


def charge(site: Site, *outcomes: str, key: str = KEY, tx: str = "tx-1", signed: bool = True) -> TransactionEnded:
    """An hour at 5 kW, its beginning and its end signed as these outcomes have it, one reading between unsigned."""
    begin, end = outcomes
    check(site, begin, key=key, tx=tx)
    tell(site, "Started", 1_000, tx=tx, signed=signed, id_token="TOKEN-ann")
    site.wait(HOUR_S / 2)
    tell(site, "Updated", 3_500, tx=tx, signed=False)
    site.wait(HOUR_S / 2)
    check(site, end, key=key, tx=tx)
    tell(site, "Ended", 6_000, tx=tx, signed=signed)
    return site.of(TransactionEnded)[-1]


def alerts(site: Site) -> list[str]:
    return [e.kind for e in site.of(SecurityEventReported)]


def test_energy_whose_begin_and_end_fit_the_configured_key_is_signed_and_proven():
    booked = charge(found := site(KEY), "SOUND", "SOUND")
    assert (booked.energy_wh, booked.energy_method, booked.signature_proof) == (5_000, "SIGNED", "CONFIGURED_KEY")
    assert found.of(MeterKeySeen) == []
    assert found.state.signatures == {}


def test_a_key_that_was_first_seen_is_said_to_be_just_that():
    found = site()
    booked = charge(found, "SOUND", "SOUND")
    assert (booked.energy_method, booked.signature_proof) == ("SIGNED", "FIRST_SEEN_KEY")
    assert [e.key for e in found.of(MeterKeySeen)] == [KEY]
    again = charge(found, "SOUND", "SOUND", tx="tx-2")
    assert again.signature_proof == "FIRST_SEEN_KEY"
    assert len(found.of(MeterKeySeen)) == 1


def test_no_key_is_remembered_of_an_evse_that_the_station_does_not_have():
    found = site()
    for evse_id in (2, 77):
        found.give(SignatureChecked("cs-1", f"tx-{evse_id}", evse_id, "SOUND", "", KEY))
    assert found.of(MeterKeySeen) == []
    told = [(e.proof, e.reason) for e in found.of(MeterSignatureJudged)]
    assert told == [("UNVERIFIED", "the station has no such EVSE")] * 2


def test_signatures_that_cannot_be_checked_are_unverified():
    booked = charge(found := site(KEY), "SOUND", "UNVERIFIED")
    assert (booked.energy_method, booked.signature_proof) == ("SIGNED", "UNVERIFIED")
    assert alerts(found) == []


def test_a_broken_signature_raises_one_alert_and_its_energy_is_not_said_to_be_signed():
    booked = charge(found := site(), "BROKEN", "BROKEN")
    assert (booked.energy_wh, booked.energy_method, booked.signature_proof) == (5_000, "REGISTER", "BROKEN")
    assert alerts(found) == ["MeterSignatureBroken"]
    (alert,) = found.of(SecurityEventReported)
    assert alert.critical
    assert alert.info == "transaction tx-1, EVSE 1: why"


def test_nothing_mends_a_transaction_with_a_broken_signature():
    booked = charge(found := site(KEY), "BROKEN", "SOUND")
    assert booked.signature_proof == "BROKEN"
    assert len(found.of(MeterSignatureJudged)) == 1


def test_a_sound_signature_of_another_key_than_the_configured_or_first_seen_one_is_broken():
    assert charge(site(KEY), "SOUND", "SOUND", key=OTHER).signature_proof == "BROKEN"
    found = site()
    charge(found, "SOUND", "SOUND")
    assert charge(found, "SOUND", "SOUND", key=OTHER, tx="tx-2").signature_proof == "BROKEN"
    assert [e.key for e in found.of(MeterKeySeen)] == [KEY]


def test_a_configured_key_takes_the_place_of_the_first_seen_one():
    found = site()
    charge(found, "SOUND", "SOUND")
    configured = site(OTHER)
    configured.state.meter_keys = dict(found.state.meter_keys)
    assert charge(configured, "SOUND", "SOUND", key=OTHER).signature_proof == "CONFIGURED_KEY"


def test_energy_that_nobody_signed_goes_by_the_register():
    found = site()
    tell(found, "Started", 1_000, signed=False, id_token="TOKEN-ann")
    found.wait(HOUR_S)
    tell(found, "Updated", 6_000, signed=False)
    tell(found, "Ended", 6_000, signed=False)
    (booked,) = found.of(TransactionEnded)
    assert (booked.energy_method, booked.signature_proof) == ("REGISTER", "NONE")


def test_a_signed_register_that_is_the_one_that_the_charge_began_with_stands_for_it():
    found = site(KEY)
    tell(found, "Started", 1_000, signed=False, id_token="TOKEN-ann")
    check(found)
    tell(found, "Updated", 1_000)
    found.wait(HOUR_S)
    tell(found, "Ended", 6_000)
    assert found.of(TransactionEnded)[0].energy_method == "SIGNED"


def test_one_signed_text_may_stand_for_both_ends():
    found = site(KEY)
    tell(found, "Started", 1_000, signed=False, id_token="TOKEN-ann")
    found.wait(HOUR_S)
    tell(found, "Updated", 6_000, signed=False)
    found.give(SignatureChecked("cs-1", "tx-1", 1, "SOUND", "", KEY, (1_000, 6_000)))
    tell(found, "Ended", 6_000)
    (booked,) = found.of(TransactionEnded)
    assert (booked.energy_method, booked.signature_proof) == ("SIGNED", "CONFIGURED_KEY")


def test_a_charge_with_only_one_end_signed_goes_by_the_register():
    found = site(KEY)
    check(found)
    tell(found, "Started", 1_000, id_token="TOKEN-ann")
    found.wait(HOUR_S)
    tell(found, "Updated", 6_000, signed=False)
    tell(found, "Ended", 6_000, signed=False)
    assert found.of(TransactionEnded)[0].energy_method == "REGISTER"


def test_a_signature_that_comes_after_the_end_changes_nothing():
    found = site()
    charge(found, "SOUND", "SOUND")
    check(found, "BROKEN")
    assert alerts(found) == []
    assert found.state.signatures == {}
