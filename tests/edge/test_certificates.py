"""The site's certificate authority: whose requests it signs, and what a certificate of it is good for."""

import stat
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from edge.certificates import CERTIFICATE_FILE, CSR_LENGTH_MAX, KEY_FILE, CsrError, SiteAuthority
from tests.edge.certificate_kit import new_key, request

NOW_MS = round(time.time() * 1_000)


def test_a_station_gets_a_certificate_in_its_name_that_the_authority_vouches_for(tmp_path: Path) -> None:
    authority, key = SiteAuthority(tmp_path, "boston", NOW_MS), new_key()
    assert authority.problem("dc-1", request("dc-1", key)) is None
    made = x509.load_pem_x509_certificate(authority.sign("dc-1", request("dc-1", key), NOW_MS).encode())
    made.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / CERTIFICATE_FILE).read_bytes()))
    assert [x.value for x in made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["dc-1"]
    assert made.public_key() == key.public_key()
    assert 364 < (made.not_valid_after_utc - made.not_valid_before_utc).days < 368


def test_the_authority_is_made_once_and_its_key_is_for_the_daemon_alone(tmp_path: Path) -> None:
    SiteAuthority(tmp_path, "boston", NOW_MS)
    made = (tmp_path / KEY_FILE).read_bytes()
    SiteAuthority(tmp_path, "boston", NOW_MS)
    assert (tmp_path / KEY_FILE).read_bytes() == made
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        ("nonsense", "PKCS#10"),
        ("x" * (CSR_LENGTH_MAX + 1), "characters"),
        (request("dc-2", new_key()), "common name"),
        (request("dc-1", new_key(ec.SECP224R1())), "key must be"),
        (request("dc-1", rsa.generate_private_key(65_537, 1_024)), "key must be"),  # noqa: S505 - it is to be refused
    ],
    ids=["garbage", "too long", "another's name", "a weak curve", "a short key"],
)
def test_what_is_not_signed_is_told_why(tmp_path: Path, csr: str, why: str) -> None:
    authority = SiteAuthority(tmp_path, "boston", NOW_MS)
    assert why in (authority.problem("dc-1", csr) or "")
    with pytest.raises(CsrError, match=why):
        authority.sign("dc-1", csr, NOW_MS)


def test_a_request_whose_signature_was_tampered_with_is_not_signed(tmp_path: Path) -> None:
    lines = request("dc-1", new_key()).splitlines()
    middle = len(lines) - 2
    lines[middle] = lines[middle][:-8] + ("AAAAAA==" if lines[middle].endswith("==") else "AAAAAAAA")
    assert SiteAuthority(tmp_path, "boston", NOW_MS).problem("dc-1", "\n".join(lines)) is not None
