"""Whether a meter signed what a station says of it: OCMF (Open Charge Metering Format) with ECDSA, as far as the
curves are known here. Every other encoding stays as it came and counts as not verified.

No input or output: what is asked of the library is arithmetic.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.ocpp.signed_values import SignedValue
from edge.rules.signatures import agree

_HEAD = "OCMF|"
_OCA = "oca:base16:asn1:"
_ALGORITHM = "ECDSA-secp256r1-SHA256"
"""What OCMF takes where a signature names none."""
_CURVES: MappingProxyType[str, ec.EllipticCurve] = MappingProxyType(
    {
        "secp192r1": ec.SECP192R1(),
        "secp256r1": ec.SECP256R1(),
        "secp256k1": ec.SECP256K1(),
        "secp384r1": ec.SECP384R1(),
        "secp521r1": ec.SECP521R1(),
        "brainpool256r1": ec.BrainpoolP256R1(),
        "brainpoolp256r1": ec.BrainpoolP256R1(),
        "brainpool384r1": ec.BrainpoolP384R1(),
        "brainpoolp384r1": ec.BrainpoolP384R1(),
    }
)
_HASHES: MappingProxyType[str, hashes.HashAlgorithm] = MappingProxyType(
    {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
)
_WH = MappingProxyType({"wh": Decimal(1), "kwh": Decimal(1_000)})
_IMPORTED = ("1.8.0", "01.08.00", "b0", "b1", "b2", "b3")
"""What identifies energy taken: OBIS codes, and the ones of DC meters."""
_REGISTER_END = Decimal(10) ** 15


class UnverifiableError(ValueError):
    """Nothing can be said of a signature, and why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``key`` is the public key (DER SubjectPublicKeyInfo, in hexadecimal) that fits, ``registers_wh`` what was signed.
    BROKEN: the data is not what the owner of the key signed, or does not say what the station says."""

    outcome: Literal["SOUND", "UNVERIFIED", "BROKEN"]
    reason: str = ""
    key: str = ""
    registers_wh: tuple[int, ...] = field(default=())


def judge(values: Sequence[SignedValue], known_keys: Iterable[str], register_wh: int | None) -> Verdict:
    """What the signed values of one message are worth: as much as the worst of them. A value is checked against the key
    that came with it, or else against those that are known of the station's meters. One of the registers signed must be
    the one that the message tells."""
    keys = tuple(known_keys)
    verdicts = [_judge_one(value, keys) for value in values]
    for outcome in ("BROKEN", "UNVERIFIED"):
        if (found := next((x for x in verdicts if x.outcome == outcome), None)) is not None:
            return found
    if not verdicts:
        return Verdict("UNVERIFIED", "nothing signed")
    signed = tuple(wh for x in verdicts for wh in x.registers_wh)
    if len({x.key for x in verdicts}) > 1:
        return Verdict("BROKEN", "one message, signed with several keys")
    if not any(register_wh is not None and agree(wh, register_wh) for wh in signed):
        return Verdict("BROKEN", f"signed are {list(signed)} Wh, told are {register_wh} Wh", verdicts[0].key, signed)
    return Verdict("SOUND", "", verdicts[0].key, signed)


def _judge_one(value: SignedValue, known_keys: Sequence[str]) -> Verdict:
    try:
        payload, signature, algorithm = _taken_apart(value)
        keys = list(_usable([value.public_key] if value.public_key else known_keys, _curve(algorithm)))
        if not keys:
            raise UnverifiableError("there is no public key for it")
        fitting = next((x for x in keys if _fits(x, signature, payload, algorithm)), None)
        if fitting is None:
            return Verdict("BROKEN", "the signature does not fit the data")
        return Verdict("SOUND", "", _written(fitting), tuple(_registers_wh(payload)))
    except UnverifiableError as error:
        return Verdict("UNVERIFIED", str(error))


def _taken_apart(value: SignedValue) -> tuple[str, bytes, str]:
    """The payload as it was signed, the signature (DER) and its algorithm."""
    text = value.data.strip() if value.data.lstrip().startswith(_HEAD) else _decoded(value.data)
    if not text.startswith(_HEAD):
        raise UnverifiableError(f"the encoding {value.encoding or 'unnamed'!r} is not one that is checked here")
    payload, divided, told = text.removeprefix(_HEAD).rpartition("|")
    try:
        about = json.loads(told)
        in_base64 = about.get("SE", "hex") == "base64"
        signature = base64.b64decode(about["SD"], validate=True) if in_base64 else bytes.fromhex(about["SD"])
        algorithm = str(about.get("SA", _ALGORITHM))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnverifiableError("its OCMF has no readable signature") from error
    if not divided:
        raise UnverifiableError("its OCMF has no data")
    return payload, signature, algorithm


def _decoded(text: str) -> str:
    """Text that was sent in hexadecimal or in base64; empty for what is neither."""
    bare = "".join(text.split())
    for decode in (bytes.fromhex, lambda x: base64.b64decode(x, validate=True)):
        try:
            return decode(bare).decode().strip()
        except ValueError:
            continue
    return ""


def _curve(algorithm: str) -> ec.EllipticCurve:
    parts = algorithm.split("-")
    curve = _CURVES.get(parts[1].lower()) if len(parts) == 3 and parts[0] == "ECDSA" else None
    if curve is None or parts[2] not in _HASHES:
        raise UnverifiableError(f"the algorithm {algorithm[:40]!r} is not one that is checked here")
    return curve


def _usable(texts: Iterable[str], curve: ec.EllipticCurve) -> Iterator[ec.EllipticCurvePublicKey]:
    for text in texts:
        key = _key(text, curve)
        if key is not None and key.curve.name == curve.name:
            yield key


def _key(text: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey | None:
    """A public key in whatever form stations and people write it; None for one that cannot be read."""
    text = text.strip()
    if not text.startswith(("-----", _OCA)) and (inner := _decoded(text)).startswith(("-----", _OCA)):
        text = inner
    try:
        if text.startswith("-----"):
            found = serialization.load_pem_public_key(text.encode())
        else:
            octets = _octets(text.removeprefix(_OCA))
            if octets[:1] in (b"\x02", b"\x03", b"\x04"):
                return ec.EllipticCurvePublicKey.from_encoded_point(curve, octets)
            found = serialization.load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, ec.EllipticCurvePublicKey) else None


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return base64.b64decode(text, validate=True)


def _fits(key: ec.EllipticCurvePublicKey, signature: bytes, payload: str, algorithm: str) -> bool:
    try:
        key.verify(signature, payload.encode(errors="surrogatepass"), ec.ECDSA(_HASHES[algorithm.rpartition("-")[2]]))
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm as error:
        raise UnverifiableError(f"the algorithm {algorithm[:40]!r} is not one that is checked here") from error
    return True


def _written(key: ec.EllipticCurvePublicKey) -> str:
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(der, spki).hex()


def _registers_wh(payload: str) -> Iterator[int]:
    """The registers of energy taken. What a reading leaves out is as in the one before it (OCMF, RD)."""
    try:
        readings = json.loads(payload, parse_float=Decimal, parse_int=Decimal)["RD"]
        before: dict[str, Any] = {}
        for told in readings:
            before = {**before, **told}
            identifier = str(before.get("RI", _IMPORTED[0])).lower()
            unit = _WH.get(str(before.get("RU", "")).lower())
            if unit is not None and any(x in identifier for x in _IMPORTED):
                yield _whole_wh(Decimal(before["RV"]), unit)
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
        raise UnverifiableError("its OCMF has no readable register") from error


def _whole_wh(told: Decimal, unit: Decimal) -> int:
    """Raises ValueError or InvalidOperation for what no meter counts to: written out it could fill the memory."""
    if not -_REGISTER_END < told < _REGISTER_END:
        raise ValueError(f"no register holds {told}")
    return round(told * unit)
