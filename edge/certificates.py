"""The site's own certificate authority, for the certificates by which stations show who they are (security profile 3).

Its key is made when it is first needed and never leaves the box. It signs nothing but client certificates whose common
name is the station that asks (OCPP 2.0.1 A02, A00.FR.507 on).
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.clock import SECOND_MS

KEY_FILE, CERTIFICATE_FILE = "station-ca.key", "station-ca.pem"
AUTHORITY_LIVES = timedelta(days=20 * 365)
CERTIFICATE_LIVES = timedelta(days=365)
BACKDATED = timedelta(days=1)
"""A station whose clock is behind must be able to use its certificate at once."""
RSA_BITS_MIN = 2_048
EC_BITS_MIN = 256
CSR_LENGTH_MAX = 5_500
"""CertificateSigningRequest of SignCertificate, 2.0.1."""


class CsrError(ValueError):
    """A certificate signing request that will not be signed; says why."""


class SiteAuthority:
    """Signs for the stations of one facility. The constructor makes the authority when the folder holds none; it raises
    OSError when that cannot be done and ValueError when the files there are not an authority's."""

    def __init__(self, folder: Path, name: str, now_ms: int) -> None:
        self.certificate_file = folder / CERTIFICATE_FILE
        if not self.certificate_file.exists():
            _make(folder, name, _instant(now_ms))
        key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{folder / KEY_FILE} is not the key of a site's certificate authority")  # noqa: TRY004
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def problem(self, station_id: str, csr: str) -> str | None:
        """Why a request of a station will not be signed; None when it will."""
        try:
            _checked(station_id, csr)
        except CsrError as error:
            return str(error)
        return None

    def sign(self, station_id: str, csr: str, now_ms: int) -> str:
        """The station's certificate as PEM, good for a year. Raises CsrError."""
        asked, now = _checked(station_id, csr), _instant(now_ms)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(station_id))
            .issuer_name(self._certificate.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + CERTIFICATE_LIVES)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return _pem(builder.sign(self._key, hashes.SHA256()))


def _checked(station_id: str, csr: str) -> x509.CertificateSigningRequest:
    if len(csr) > CSR_LENGTH_MAX:
        raise CsrError(f"the request has {len(csr)} characters, {CSR_LENGTH_MAX} are allowed")
    try:
        asked = x509.load_pem_x509_csr(csr.encode())
        sound, key = asked.is_signature_valid, asked.public_key()
        names = [x.value for x in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except Exception as error:  # the library raises many kinds for what cannot be read, and all mean the same
        raise CsrError(f"it is not a PKCS#10 request in PEM: {error}") from error
    if not sound:
        raise CsrError("the request is not signed by the key that it names")
    if names != [station_id]:
        raise CsrError(f"the common name must be the station's id, {station_id}")
    strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= EC_BITS_MIN
    )
    if not strong:
        raise CsrError(f"the key must be RSA of {RSA_BITS_MIN} bits or an elliptic curve of {EC_BITS_MIN}, or more")
    return asked


def _make(folder: Path, name: str, now: datetime) -> None:
    """The key first: a certificate in the folder means that its key is there."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(f"{name} stations"))
        .issuer_name(_named(f"{name} stations"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + AUTHORITY_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / KEY_FILE, private)
    _write(folder / CERTIFICATE_FILE, _pem(builder.sign(key, hashes.SHA256())).encode())


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "EasyParkPlus"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _instant(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms // SECOND_MS, UTC)
