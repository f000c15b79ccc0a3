"""Where the MQTT broker is, in one line of configuration."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

_FORM = "mqtt://user:password@host:port, or mqtts:// with optional ?ca=FILE&cert=FILE&key=FILE"


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A parsed broker URL. ``str()`` leaves the password out, so it is fit for logs.

    ``mqtts`` checks the broker's certificate against the system's authorities, or those in the PEM file ``ca``;
    ``cert`` and ``key`` name this client's own certificate for brokers that ask for one.
    """

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "BrokerUrl":
        """Raises ValueError with the form that is allowed; the text is not repeated, as it may hold a password."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"a broker URL is {_FORM}: {error}") from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"a broker URL is {_FORM}; this one has scheme {parts.scheme!r}, host {parts.hostname!r}")
        tls = parts.scheme == "mqtts"
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = sorted(set(options) - ({"ca", "cert", "key"} if tls else set()))
        if unknown:
            raise ValueError(f"a broker URL is {_FORM}; unknown here: {', '.join(unknown)}")
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            **options,
        )
