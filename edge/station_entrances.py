"""The ports that stations connect to, made of the configuration."""

from edge.config import Listen, Tls
from edge.station_renewal import Certificates
from edge.station_tls import Encryption, TlsFiles
from edge.stations import Entrance


def entrances(listen: Listen, certificates: Certificates) -> list[Entrance]:
    """Raises OSError or ValueError when a certificate or key cannot be used."""
    plain = [] if listen.port is None else [Entrance(listen.host, listen.port)]
    return plain if listen.tls is None else [*plain, _encrypted(listen.host, listen.tls, certificates)]


def _encrypted(host: str, tls: Tls, certificates: Certificates) -> Entrance:
    trusted = [certificates.authority().certificate_file]
    if tls.client_ca is not None:
        trusted.append(tls.client_ca)
    return Entrance(host, tls.port, Encryption(TlsFiles(tls.certificate, tls.key, trusted, tls.revoked)))
