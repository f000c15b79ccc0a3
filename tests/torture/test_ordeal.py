"""Processes are killed and connections fail under traffic; nothing is lost, doubled or wrongly billed."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.torture.ordeal import Ordeal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's account can enter."""
    with TemporaryDirectory(prefix="easypark-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_house_reconciles_after_kills_and_bad_weather(folder: Path) -> None:
    found = Ordeal(rounds=12, seed=3, folder=folder / "state", say=lambda _: None).run()
    assert found["audit"] == []
    assert sum(found["trials"].values()) == 12
    for figures in found["facilities"].values():
        assert figures["events_appended"] == figures["events_in_cloud"] > 50
