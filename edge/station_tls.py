"""TLS as stations need it: security profiles 2 and 3 of OCPP 2.0.1 (A00.FR.312 on) and of the 1.6 whitepaper."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.clock import SECOND_MS

SUITES = "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""A00.FR.319 and on name four for TLS 1.2: ECDHE-ECDSA and RSA, each with AES-GCM of 128 and 256 bits. ECDHE-RSA is the
same for servers with an RSA key, and keeps what was said secret when that is stolen. TLS 1.3 has its own."""


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
