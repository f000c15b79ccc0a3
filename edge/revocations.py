"""Which client certificates count no more, as a file says (security profile 3, OCPP 2.0.1 A00).

The file holds certificate revocation lists (PEM, any number, or one in DER), or serial numbers in hexadecimal, one a
line, ``#`` begins a comment. A serial number listed by hand counts for every authority; one of a list for its issuer. A
list that is out of date still counts: who was revoked is not taken back by the silence of the authority.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_DER = re.compile(rb"0[\x81-\x84]")
"""How a DER structure of some length begins; a serial number may begin with the digit alone."""
_SIGNERS = (ec.EllipticCurvePublicKey, rsa.RSAPublicKey, ed25519.Ed25519PublicKey)


@dataclass(frozen=True, slots=True)
class Revocations:
    serials: frozenset[int] = frozenset()
    lists: tuple[x509.CertificateRevocationList, ...] = ()

    def holds(self, certificate: bytes) -> bool:
        """Whether a certificate (DER) was revoked. One that cannot be read may have been."""
        if not self.serials and not self.lists:
            return False
        try:
            shown = x509.load_der_x509_certificate(certificate)
        except (ValueError, x509.InvalidVersion):
            return True
        if shown.serial_number in self.serials:
            return True
        of_issuer = (x for x in self.lists if x.issuer == shown.issuer)
        return any(x.get_revoked_certificate_by_serial_number(shown.serial_number) is not None for x in of_issuer)


NONE = Revocations()


def read(path: Path | None, authorities: Sequence[Path]) -> Revocations:
    """What a file revokes. Raises OSError when it cannot be read, and ValueError, saying what is wrong, for one that is
    neither of the two, or a list that none of the authorities has signed."""
    if path is None:
        return NONE
    content = path.read_bytes()
    try:
        lists = _lists(content)
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError(f"{path} is no certificate revocation list: {error}") from error
    if not lists:
        return Revocations(serials=_serials(path, content))
    keys = [x.public_key() for file in authorities for x in x509.load_pem_x509_certificates(file.read_bytes())]
    for one in lists:
        if not any(_signed_by(one, key) for key in keys):
            raise ValueError(f"{path}: the list of {one.issuer.rfc4514_string()} is signed by none of our authorities")
    return Revocations(lists=lists)


def _lists(content: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    if _DER.match(content):
        return (x509.load_der_x509_crl(content),)
    return tuple(x509.load_pem_x509_crl(block) for block in _CRL.findall(content))


def _signed_by(one: x509.CertificateRevocationList, key: object) -> bool:
    try:
        return isinstance(key, _SIGNERS) and one.is_signature_valid(key)
    except TypeError:  # a key of another kind than the signature's
        return False


def _serials(path: Path, content: bytes) -> frozenset[int]:
    found = set()
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        serial = line.partition("#")[0].replace(":", "").strip()
        try:
            found |= {int(serial, 16)} if serial else set()
        except ValueError:
            raise ValueError(f"{path}, line {number}: {serial[:60]!r} is no serial number in hexadecimal") from None
    return frozenset(found)
