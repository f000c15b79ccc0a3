"""Keys, requests and certificates for tests of TLS, made by the library that real stations' tools are made of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def request(common_name: str, key: Any) -> str:
    """A certificate signing request as PEM."""
    made = x509.CertificateSigningRequestBuilder().subject_name(named(common_name)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def save_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return path


def self_signed(folder: Path, common_name: str, *, lives_days: int = 30) -> tuple[Path, Path]:
    """A certificate file and its key file."""
    key, now = new_key(), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(common_name))
        .issuer_name(named(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=lives_days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{common_name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path, save_key(folder / f"{common_name}.key", key)


def serial_of(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number
