"""A meter that signs what it says (OCMF), with a key of its own."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Meter:
    def __init__(self, curve: ec.EllipticCurve | None = None, name: str = "secp256r1") -> None:
        self._key = ec.generate_private_key(curve or ec.SECP256R1())
        self._algorithm = f"ECDSA-{name}-SHA256"

    @property
    def key(self) -> str:
        """As the rules name it."""
        der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(der, spki).hex()

    def public(self, encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
        return self._key.public_key().public_bytes(encoding, form)

    def says(self, *readings: dict[str, Any], **about: Any) -> str:
        """An OCMF text; of ``about`` goes into the signature's part what it has."""
        return self.signs(
            json.dumps({"FV": "1.0", "GI": "Acme", "PG": "T1", "MS": "M|1", "RD": list(readings)}), **about
        )

    def signs(self, payload: str, **about: Any) -> str:
        """As ``says``, of a payload that need not be one."""
        signature = self._key.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))
        coded = base64.b64encode(signature).decode() if about.get("SE") == "base64" else signature.hex()
        return f"OCMF|{payload}|{json.dumps({'SA': self._algorithm, **about, 'SD': coded})}"

    def reads(self, wh: int, mark: str = "C") -> str:
        return self.says(reading(wh / 1_000, TX=mark))


def reading(value: Any, **more: Any) -> dict[str, Any]:
    return {"TM": "2026-01-01T00:00:00,000+0000 S", "RV": value, "RI": "1-b:1.8.0", "RU": "kWh", "ST": "G", **more}
