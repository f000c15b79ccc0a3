"""What can be said of a meter's signature by arithmetic, over signatures made here."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.meter_signatures import Verdict, judge
from edge.ocpp.signed_values import SignedValue, of_v16, of_v201
from edge.rules.signatures import AGREES_WITHIN_WH
from tests.edge.ocmf_kit import Meter, reading

METER, OTHER = Meter(), Meter()
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
POINT = serialization.PublicFormat.UncompressedPoint
DEEP = "[" * 50_000


def verdict(text: str, *known: str, key: str = "", register_wh: int | None = 1_000) -> Verdict:
    return judge([SignedValue(text, "OCMF", key)], known, register_wh)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_signature_that_fits_the_key_that_came_with_it_is_sound():
    assert verdict(METER.reads(1_000), key=METER.key) == Verdict("SOUND", "", METER.key, (1_000,))


def test_one_without_a_key_is_checked_against_those_that_are_known():
    assert verdict(METER.reads(1_000), OTHER.key, METER.key).key == METER.key
    assert verdict(METER.reads(1_000), OTHER.key).outcome == "BROKEN"
    assert verdict(METER.reads(1_000)).outcome == "UNVERIFIED"


def test_a_key_that_came_along_is_the_one_that_counts_also_when_another_would_fit():
    assert verdict(METER.reads(1_000), METER.key, key=OTHER.key).outcome == "BROKEN"


def test_data_that_was_changed_after_it_was_signed_is_found_out():
    spoiled = METER.reads(1_000).replace("1.0,", "9.0,")
    assert spoiled != METER.reads(1_000)
    found = verdict(spoiled, key=METER.key, register_wh=9_000)
    assert (found.outcome, found.reason) == ("BROKEN", "the signature does not fit the data")


def test_a_signed_register_that_is_not_the_one_told_is_found_out():
    assert verdict(METER.reads(1_000), key=METER.key, register_wh=1_000 + AGREES_WITHIN_WH).outcome == "SOUND"
    found = verdict(METER.reads(1_000), key=METER.key, register_wh=1_001 + AGREES_WITHIN_WH)
    assert (found.outcome, found.reason) == ("BROKEN", "signed are [1000] Wh, told are 1011 Wh")
    assert verdict(METER.reads(1_000), key=METER.key, register_wh=None).outcome == "BROKEN"


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        (ec.SECP192R1(), "secp192r1"),
        (ec.SECP256R1(), "secp256r1"),
        (ec.SECP256K1(), "secp256k1"),
        (ec.SECP384R1(), "secp384r1"),
        (ec.SECP521R1(), "secp521r1"),
        (ec.BrainpoolP256R1(), "brainpool256r1"),
        (ec.BrainpoolP384R1(), "brainpoolP384r1"),
    ],
)
def test_these_curves_are_checked(curve: ec.EllipticCurve, name: str):
    meter = Meter(curve, name)
    assert verdict(meter.reads(1_000), key=meter.key).outcome == "SOUND"


@pytest.mark.parametrize("algorithm", ["ECDSA-secp192k1-SHA256", "ECDSA-secp256r1-MD5", "RSA", "", "ECDSA"])
def test_other_algorithms_are_not_verified(algorithm: str):
    found = verdict(METER.says(reading(1), SA=algorithm), key=METER.key)
    assert found.outcome == "UNVERIFIED"
    assert repr(algorithm) in found.reason


def test_without_an_algorithm_it_is_ecdsa_over_p_256():
    text = METER.says(reading(1)).replace('"SA": "ECDSA-secp256r1-SHA256", ', "")
    assert "ECDSA" not in text
    assert verdict(text, key=METER.key).outcome == "SOUND"


def test_a_key_of_another_curve_is_none():
    large = Meter(ec.SECP384R1(), "secp384r1")
    assert verdict(METER.reads(1_000), key=large.key).outcome == "UNVERIFIED"


@pytest.mark.parametrize(
    "key",
    [
        METER.key,
        METER.key.upper(),
        f"oca:base16:asn1:{METER.key}",
        base64_of(f"oca:base16:asn1:{METER.key}".encode()),
        base64_of(METER.public(DER, SPKI)),
        METER.public(PEM, SPKI).decode(),
        base64_of(METER.public(PEM, SPKI)),
        METER.public(serialization.Encoding.X962, POINT).hex(),
    ],
)
def test_a_key_is_read_in_every_form_that_is_in_use(key: str):
    assert verdict(METER.reads(1_000), key=key).key == METER.key


@pytest.mark.parametrize("key", ["x", "00", "04ff", "-----BEGIN PUBLIC KEY-----\n", "oca:base16:asn1:zz", "é"])
def test_a_key_that_cannot_be_read_verifies_nothing(key: str):
    assert verdict(METER.reads(1_000), key=key).outcome == "UNVERIFIED"


@pytest.mark.parametrize(
    "wrap", [str, lambda x: base64_of(x.encode()), lambda x: x.encode().hex(), lambda x: f" {x}\n"]
)
def test_the_data_is_read_as_text_base64_or_hexadecimal(wrap: Any):
    assert verdict(wrap(METER.reads(1_000)), key=METER.key).outcome == "SOUND"


def test_a_signature_may_be_in_base64():
    assert verdict(METER.says(reading(1), SE="base64"), key=METER.key).outcome == "SOUND"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OCMF",
        "OCMF|",
        "OCMF|{}",
        "OCMF|{}|{}",
        'OCMF|{}|{"SD": 7}',
        'OCMF|{}|{"SD": "xy"}',
        "OCMF|{}|[]",
        "AA==",
        "é",
        f"OCMF|{{}}|{DEEP}",
    ],
)
def test_what_is_no_ocmf_is_kept_and_not_verified(text: str):
    assert verdict(text, METER.key).outcome == "UNVERIFIED"


def test_half_a_letter_was_signed_by_nobody():
    assert verdict(METER.reads(1_000).replace("Acme", "\ud800"), key=METER.key).outcome == "BROKEN"


@pytest.mark.parametrize("value", ["much", None, "NaN", "-Infinity", 10**400, "1E99999", "-1E999999999"])
def test_signed_data_without_a_register_that_a_meter_can_have_proves_none(value: object):
    assert verdict(METER.says(reading(value)), key=METER.key).reason == "its OCMF has no readable register"


@pytest.mark.parametrize("payload", ["", "{}", "[]", '{"RD": [7]}', DEEP])
def test_signed_data_without_readings_proves_none(payload: str):
    assert verdict(METER.signs(payload), key=METER.key).reason == "its OCMF has no readable register"


def test_signed_data_without_a_register_of_energy_taken_proves_none():
    for readings in ([], [{"RV": 1}], [reading(1, RI="1-b:2.8.0")]):
        assert verdict(METER.says(*readings), key=METER.key).reason == "signed are [] Wh, told are 1000 Wh"


def test_one_text_may_hold_the_beginning_and_the_end_and_leave_out_what_stays():
    text = METER.says(reading(1, TX="B"), {"RV": 3.5, "TX": "E"}, {"RV": 17, "RI": "1-b:2.8.0"})
    assert verdict(text, key=METER.key, register_wh=3_500).registers_wh == (1_000, 3_500)
    assert verdict(METER.says(reading(2_500, RU="Wh")), key=METER.key, register_wh=2_500).outcome == "SOUND"


def test_a_message_is_worth_as_much_as_the_worst_value_in_it():
    good, odd = SignedValue(METER.reads(1_000), "OCMF", METER.key), SignedValue("AA==", "EDL", "")
    bad = SignedValue(METER.reads(1_000), "OCMF", OTHER.key)
    assert judge([good, good], (), 1_000).outcome == "SOUND"
    assert judge([good, odd], (), 1_000).reason == "the encoding 'EDL' is not one that is checked here"
    assert judge([odd, bad, good], (), 1_000).outcome == "BROKEN"
    assert judge([good, SignedValue(OTHER.reads(1_000), "OCMF", OTHER.key)], (), 1_000).outcome == "BROKEN"
    assert judge([], (), 1_000).outcome == "UNVERIFIED"


def test_the_text_of_1_6_may_be_the_fields_of_2_0_1_as_json():
    signed = METER.reads(1_000)
    fields = {
        "signedMeterData": base64_of(signed.encode()),
        "encodingMethod": "OCMF",
        "publicKey": METER.key,
    }
    for text, found in (
        (json.dumps(fields), SignedValue(fields["signedMeterData"], "OCMF", METER.key)),
        (signed, SignedValue(signed)),
        ("[1]", SignedValue("[1]")),
        (DEEP, SignedValue(DEEP)),
    ):
        sampled = [{"value": text, "format": "SignedData"}, {"value": "7"}]
        assert of_v16({"meterValue": [{"timestamp": "", "sampledValue": sampled}]}) == (found,)
    sampled_value = [{"value": 1, "signedMeterValue": fields}, {"value": 2}]
    assert of_v201({"meterValue": [{"sampledValue": sampled_value}]}) == (
        SignedValue(fields["signedMeterData"], "OCMF", METER.key),
    )
