"""What a cloud process is told by its environment, read once, at start, by one function."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared.clock import REAL_TIME, Timeline
from shared.wire import SHARDS

DATABASE_URL = "EASYPARK_DATABASE_URL"
BROKER_URL = "EASYPARK_BROKER_URL"
TIMELINE = "EASYPARK_TIMELINE"
JWT_SECRET_FILE = "EASYPARK_JWT_SECRET_FILE"  # noqa: S105 - the name of a variable
STRIPE_API_KEY = "STRIPE_API_KEY"
STRIPE_API_BASE = "EASYPARK_STRIPE_API_BASE"
STRIPE_WEBHOOK_SECRET = "STRIPE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
SMTP_URL = "EASYPARK_SMTP_URL"
MAIL_FROM = "EASYPARK_MAIL_FROM"
API_HOST = "EASYPARK_API_HOST"
API_PORT = "EASYPARK_API_PORT"
LINK_SHARDS = "EASYPARK_LINK_SHARDS"
VITALS_HOST = "EASYPARK_VITALS_HOST"
VITALS_PORT = "EASYPARK_VITALS_PORT"
KEEP_DAYS = "EASYPARK_KEEP_DAYS"
DAYS_MAX = 3_650


class SettingsError(ValueError):
    """A setting is missing or cannot be read; the text names the variable and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Each process uses some of these; one that it does not use may be empty. Secrets are never shown by ``repr``."""

    database_url: str
    broker_url: str = ""
    timeline: Timeline = REAL_TIME
    jwt_secret: str = ""
    stripe_api_key: str = ""
    stripe_api_base: str = ""
    """Empty: Stripe itself."""
    stripe_webhook_secret: str = ""
    smtp_url: str = ""
    mail_from: str = ""
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    link_shards: tuple[str, ...] | None = None
    """None: the facilities of every shard."""
    vitals_host: str = "127.0.0.1"
    vitals_port: int | None = None
    """Where ``link`` and ``worker`` show health and figures; None: nowhere. ``api`` shows its own."""
    keep_days: int = 365
    """How long ``worker`` keeps facilities' logs, and what else tells of people or only grows."""

    def __repr__(self) -> str:
        return f"Settings(api={self.api_host}:{self.api_port}, link_shards={self.link_shards})"


def load_settings(env: Mapping[str, str], needed: Collection[str] = ()) -> Settings:
    """Read the settings. The database's address is always needed; ``needed`` names the other variables that must not
    be empty for the process at hand. Raises SettingsError."""
    for name in (DATABASE_URL, *needed):
        if not env.get(name, "").strip():
            raise SettingsError(f"{name} is not set")
    shards = env.get(LINK_SHARDS, "")
    return Settings(
        database_url=_address(env, DATABASE_URL, ("postgresql",)),
        broker_url=_address(env, BROKER_URL, ("mqtt", "mqtts")),
        timeline=_timeline(env.get(TIMELINE, "")),
        jwt_secret=_secret(env.get(JWT_SECRET_FILE, "")),
        stripe_api_key=env.get(STRIPE_API_KEY, ""),
        stripe_api_base=_address(env, STRIPE_API_BASE, ("http", "https")),
        stripe_webhook_secret=env.get(STRIPE_WEBHOOK_SECRET, ""),
        smtp_url=_address(env, SMTP_URL, ("smtp", "smtps")),
        mail_from=env.get(MAIL_FROM, ""),
        api_host=env.get(API_HOST) or "127.0.0.1",
        api_port=_port(env.get(API_PORT) or "8000", API_PORT),
        link_shards=_shards(shards) if shards else None,
        vitals_host=env.get(VITALS_HOST) or "127.0.0.1",
        vitals_port=_port(vitals, VITALS_PORT) if (vitals := env.get(VITALS_PORT, "")) else None,
        keep_days=_days(env.get(KEEP_DAYS) or "365", KEEP_DAYS),
    )


def _address(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    """The text of the address is not repeated in an error: it may hold a password."""
    text = env.get(name, "").strip()
    if text and (urlsplit(text).scheme not in schemes or not urlsplit(text).hostname):
        raise SettingsError(f"{name} must be an address such as {schemes[0]}://host:port, got another kind")
    return text


def _timeline(text: str) -> Timeline:
    try:
        return Timeline.parse(text)
    except ValueError as error:
        raise SettingsError(f"{TIMELINE}: {error}") from error


def _secret(file: str) -> str:
    """RFC 7518, 3.2: a key for HS256 has at least 256 bits, which is 32 characters here."""
    if not file:
        return ""
    try:
        text = Path(file).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{JWT_SECRET_FILE}: cannot read {file}: {error.strerror}") from error
    if len(text) < 32:
        raise SettingsError(f"{JWT_SECRET_FILE}: {file} must hold at least 32 characters, it holds {len(text)}")
    return text


def _port(text: str, name: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"{name} must be a port from 1 to 65535, got {text!r}")
    return int(text)


def _days(text: str, name: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= DAYS_MAX:
        raise SettingsError(f"{name} must be a whole number of days from 1 to {DAYS_MAX}, got {text!r}")
    return int(text)


def _shards(text: str) -> tuple[str, ...]:
    known = {f"{n:02d}" for n in range(SHARDS)}
    shards = tuple(sorted({part.strip() for part in text.split(",")}))
    if lost := sorted(set(shards) - known):
        raise SettingsError(f"{LINK_SHARDS}: unknown shards {', '.join(lost)}; allowed are 00 to {SHARDS - 1:02d}")
    return shards
