"""Limits follow tidings at a real daemon; how soon depends on the machine and is asserted nowhere."""

from pathlib import Path

import pytest

from tests.torture.tidings import Tidings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_every_kind_of_tiding_is_followed_by_a_limit(tmp_path: Path) -> None:
    found = Tidings(tmp_path, rounds=1, stations=6).run()
    print(found)
    assert found.keys() == {"departure", "arrival", "boot", "resume", "reconnect", "late"}
