"""Which certificates a file says count no more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edge.certificates import CERTIFICATE_FILE, KEY_FILE, SiteAuthority
from edge.revocations import NONE, read
from tests.edge.certificate_kit import new_key, request, serial_of

NOW = datetime.now(UTC)
NOW_MS = int(NOW.timestamp() * 1_000)


class Authority:
    """A site's authority, two stations' certificates of it, and lists that it signs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        signer = SiteAuthority(folder, "boston", NOW_MS)
        self.folder, self.file = folder, folder / CERTIFICATE_FILE
        self.first, self.second = (signer.sign(x, request(x, new_key()), NOW_MS) for x in ("cs-1", "cs-2"))

    def list_of(self, *revoked: str, encoding: serialization.Encoding = serialization.Encoding.PEM) -> bytes:
        key = serialization.load_pem_private_key((self.folder / KEY_FILE).read_bytes(), None)
        issuer = x509.load_pem_x509_certificate(self.file.read_bytes()).subject
        made = x509.CertificateRevocationListBuilder(issuer, NOW - timedelta(days=9), NOW - timedelta(days=2))
        for certificate in revoked:
            serial = x509.load_pem_x509_certificate(certificate.encode()).serial_number
            made = made.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, NOW).build())
        return made.sign(key, hashes.SHA256()).public_bytes(encoding)  # type: ignore[arg-type]


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def der(certificate: str) -> bytes:
    return x509.load_pem_x509_certificate(certificate.encode()).public_bytes(serialization.Encoding.DER)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "revoked"
    path.write_bytes(content)
    return path


def test_without_a_file_nothing_is_revoked(ours: Authority):
    assert read(None, [ours.file]) == NONE
    assert not NONE.holds(der(ours.first))


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_list_of_the_authority_counts_in_either_form_and_though_it_is_out_of_date(
    tmp_path: Path, ours: Authority, encoding: serialization.Encoding
):
    found = read(written(tmp_path, ours.list_of(ours.first, encoding=encoding)), [ours.file])
    assert (found.holds(der(ours.first)), found.holds(der(ours.second))) == (True, False)


def test_a_list_counts_for_its_issuer_alone(tmp_path: Path, ours: Authority):
    theirs = Authority(tmp_path / "theirs")
    lists = ours.list_of(ours.first) + theirs.list_of(theirs.second)
    found = read(written(tmp_path, lists), [ours.file, theirs.file])
    revoked = [found.holds(der(x)) for x in (ours.first, ours.second, theirs.first, theirs.second)]
    assert revoked == [True, False, False, True]


def test_a_list_that_none_of_our_authorities_signed_is_refused(tmp_path: Path, ours: Authority):
    theirs = Authority(tmp_path / "theirs")
    with pytest.raises(ValueError, match="none of our authorities"):
        read(written(tmp_path, theirs.list_of()), [ours.file])


def test_serial_numbers_are_read_as_openssl_and_browsers_write_them(tmp_path: Path, ours: Authority):
    file = tmp_path / "cs-1.pem"
    file.write_text(ours.first)
    serial = f"{serial_of(file):040X}"
    pairs = ":".join(serial[i : i + 2] for i in range(0, 40, 2)).lower()
    for line in (serial, pairs, f"  {serial}  # stolen"):
        found = read(written(tmp_path, f"# by hand\n\n{line}\n".encode()), [ours.file])
        assert (found.holds(der(ours.first)), found.holds(der(ours.second))) == (True, False)


@pytest.mark.parametrize("content", [b"0a\nfirst floor\n", b"0a\n\xff\xfe\n"])
def test_a_line_that_is_no_serial_number_is_named(tmp_path: Path, content: bytes):
    with pytest.raises(ValueError, match=r"line 2: .* is no serial number"):
        read(written(tmp_path, content), [])


@pytest.mark.parametrize("content", [b"0\x82\x02\x01", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_a_broken_list_is_named(tmp_path: Path, content: bytes):
    with pytest.raises(ValueError, match="is no certificate revocation list"):
        read(written(tmp_path, content), [])


def test_a_list_of_a_version_that_does_not_exist_is_named(tmp_path: Path, ours: Authority):
    version_2, version_6 = b"\x02\x01\x01", b"\x02\x01\x05"
    content = ours.list_of(encoding=serialization.Encoding.DER).replace(version_2, version_6, 1)
    with pytest.raises(ValueError, match="is no certificate revocation list: 5 is not a valid CRL version"):
        read(written(tmp_path, content), [ours.file])


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", [])


def test_a_certificate_that_cannot_be_read_is_not_trusted_where_any_is_revoked(tmp_path: Path):
    assert read(written(tmp_path, b"0a"), []).holds(b"no certificate")
