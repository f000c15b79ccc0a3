"""TLS as stations need it: security profiles 2 and 3 of OCPP 2.0.1 (A00.FR.312 on) and of the 1.6 whitepaper."""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge import revocations
from shared.clock import SECOND_MS

SUITES = "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""A00.FR.319 and on name four for TLS 1.2: ECDHE-ECDSA and RSA, each with AES-GCM of 128 and 256 bits. ECDHE-RSA is the
same for servers with an RSA key, and keeps what was said secret when that is stolen. TLS 1.3 has its own."""
_REASONS = MappingProxyType(
    {
        "UNSUPPORTED_PROTOCOL": "its TLS is older than 1.2",
        "NO_SHARED_CIPHER": "it has no cipher suite in common with us",
        "HTTP_REQUEST": "it speaks HTTP without TLS on the port for TLS",
        "WRONG_VERSION_NUMBER": "what it speaks is no TLS",
        "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of our certificate",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it takes our certificate for expired; is its clock right?",
        "SSLV3_ALERT_BAD_CERTIFICATE": "it finds our certificate bad; is the host name in it?",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
        "UNEXPECTED_EOF_WHILE_READING": "it went away",
    }
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS port is made of: PEM files, and ``revoked`` as ``edge.revocations`` has it."""

    certificate: Path
    key: Path
    client_authorities: Sequence[Path] = ()
    revoked: Path | None = None

    def stamps(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file does. Raises OSError for one that is not there."""
        paths = (self.certificate, self.key, *self.client_authorities, *([self.revoked] if self.revoked else ()))
        return tuple((x.st_mtime_ns, x.st_size, x.st_ino) for x in (path.stat() for path in paths))


class Encryption:
    """A TLS port's certificate, which may be renewed while stations are connected. What is there already goes on with
    what it began with; every handshake after ``look`` has the new files.

    The constructor raises OSError, and its kind ssl.SSLError, or ValueError when a file cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps = files.stamps()
        self._read()

    def look(self) -> bool:
        """Read the files again if one has changed; True when they count now. Files that cannot be used together (a
        renewal is half done) are told of and tried again at their next change; until then the former ones count."""
        try:
            stamps = self._files.stamps()
            if stamps == self._stamps:
                return False
            self._stamps = stamps
            self._read()
        except (OSError, ValueError) as error:
            _log.warning("changed TLS files cannot be used, the former ones still count", extra={"problem": str(error)})
            return False
        _log.info("TLS files were read again", extra={"certificate": str(self._files.certificate)})
        return True

    def _read(self) -> None:
        files = self._files
        context = server_context(files.certificate, files.key, files.client_authorities)
        self.revoked = revocations.read(files.revoked, files.client_authorities)
        self.context = context


def server_context(certificate: Path, key: Path, client_authorities: Sequence[Path]) -> ssl.SSLContext:
    """A context that takes stations with a certificate of one of the authorities, and stations with none.

    Raises OSError, and its kind ssl.SSLError, when a file cannot be read or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, key)
    for authority in client_authorities:
        context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_OPTIONAL if client_authorities else ssl.CERT_NONE
    return context


def why_failed(error: OSError) -> str:
    """Why a handshake came to nothing, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or str(error)
        return _REASONS.get(reason, f"TLS: {reason.replace('_', ' ').lower()}")
    if isinstance(error, ConnectionResetError):
        return "it went away"
    return str(error) or type(error).__name__


def common_name(peer: dict[str, Any] | None) -> str | None:
    """The common name of a certificate as ``getpeercert`` gives it; None without one. A certificate with several names
    or none at all is nobody's."""
    if not peer:
        return None
    names = [value for part in peer.get("subject", ()) for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else ""


def ends_ms(peer: dict[str, Any] | None) -> int | None:
    """When a certificate ends; None without one."""
    if not peer:
        return None
    return int(ssl.cert_time_to_seconds(peer["notAfter"])) * SECOND_MS
