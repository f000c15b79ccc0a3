"""Settings come from the environment; what is missing or wrong is named."""

from pathlib import Path

import pytest

from cloud.config import SettingsError, load_settings

DATABASE = {"EASYPARK_DATABASE_URL": "postgresql://u:secret-word@db:5432/easypark"}


def test_only_the_database_is_always_needed() -> None:
    settings = load_settings(DATABASE)
    assert settings.database_url == DATABASE["EASYPARK_DATABASE_URL"]
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8000)
    assert settings.link_shards is None
    assert settings.keep_days == 365, "raw sessions are kept for 12 months"
    assert str(settings.timeline) == "0.0,0,1.0"


def test_everything_can_be_set(tmp_path: Path) -> None:
    secret = tmp_path / "jwt"
    secret.write_text("s" * 40 + "\n")
    settings = load_settings(
        {
            **DATABASE,
            "EASYPARK_BROKER_URL": "mqtt://cloud:pw@broker:1883",
            "EASYPARK_TIMELINE": "10.0,20,60.0",
            "EASYPARK_JWT_SECRET_FILE": str(secret),
            "STRIPE_API_KEY": "sk_test",
            "EASYPARK_STRIPE_API_BASE": "http://127.0.0.1:9",
            "STRIPE_WEBHOOK_SECRET": "whsec",
            "EASYPARK_SMTP_URL": "smtp://mail:25",
            "EASYPARK_MAIL_FROM": "parking@example.com",
            "EASYPARK_API_HOST": "0.0.0.0",
            "EASYPARK_API_PORT": "81",
            "EASYPARK_LINK_SHARDS": "03, 01",
            "EASYPARK_KEEP_DAYS": "400",
        }
    )
    assert settings.jwt_secret == "s" * 40
    assert settings.timeline.speed == 60
    assert settings.link_shards == ("01", "03")
    assert settings.keep_days == 400
    assert (settings.api_host, settings.api_port) == ("0.0.0.0", 81)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EASYPARK_DATABASE_URL", ""),
        ("EASYPARK_DATABASE_URL", "mysql://u:secret-word@db/x"),
        ("EASYPARK_BROKER_URL", "http://u:secret-word@broker"),
        ("EASYPARK_TIMELINE", "soon"),
        ("EASYPARK_JWT_SECRET_FILE", "/nowhere/at/all"),
        ("EASYPARK_STRIPE_API_BASE", "localhost:9"),
        ("EASYPARK_SMTP_URL", "smtp:"),
        ("EASYPARK_API_PORT", "80 80"),
        ("EASYPARK_API_PORT", "65536"),
        ("EASYPARK_LINK_SHARDS", "01,16"),
        ("EASYPARK_KEEP_DAYS", "0"),
        ("EASYPARK_KEEP_DAYS", "a year"),
    ],
)
def test_a_wrong_setting_is_named_and_a_password_in_it_is_not_shown(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name) as refusal:
        load_settings({**DATABASE, name: text})
    assert "secret-word" not in str(refusal.value)


def test_what_a_process_needs_must_be_set() -> None:
    with pytest.raises(SettingsError, match="STRIPE_API_KEY is not set"):
        load_settings({**DATABASE, "STRIPE_API_KEY": " "}, ["STRIPE_API_KEY"])


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "jwt"
    secret.write_text("short")
    with pytest.raises(SettingsError, match="at least 32 characters"):
        load_settings({**DATABASE, "EASYPARK_JWT_SECRET_FILE": str(secret)})


def test_settings_do_not_show_their_secrets() -> None:
    assert "secret-word" not in repr(load_settings(DATABASE))
