"""The laws of the house hold for every file, and each law is seen to catch its breach."""

from pathlib import Path

import pytest

from tests.house import laws


def breaches(law, *rooms: str, only=lambda _path: True) -> list[str]:
    return [
        breach
        for path in laws.files(*rooms)
        if only(path)
        for breach in law(path, (laws.ROOT / path).read_text(encoding="utf-8"))
    ]


def test_rooms_import_only_what_they_may():
    assert breaches(laws.import_breaches) == []


def test_rules_and_shared_words_are_pure():
    assert breaches(laws.purity_breaches, only=laws.is_pure) == []


def test_files_functions_and_parameter_lists_fit_in_the_eye():
    assert breaches(laws.size_breaches) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shared/ids.py", "import edge.main"),
        ("shared/ids.py", "from cloud import db"),
        ("edge/runtime.py", "from hardware import registry"),
        ("edge/link.py", "from cloud.link import ingest"),
        ("cloud/link/ingest.py", "from edge.rules import facility"),
        ("cloud/sessions/store.py", "from cloud.billing import store"),
        ("cloud/sessions/store.py", "from cloud import main"),
        ("cloud/db.py", "from cloud.link import store"),
        ("hardware/loop.py", "from edge.rules import lane"),
        ("provisioning/local/broker.py", "from cloud.link import store"),
        ("provisioning/audit/report.py", "from edge.rules import power"),
        ("provisioning/simulation/books/money_book.py", "from edge.rules import payment"),
        ("provisioning/simulation/headquarters.py", "from cloud.link import ingest"),
        ("provisioning/simulation/box.py", "from edge import runtime"),
    ],
)
def test_a_forbidden_import_is_caught(path, source):
    assert list(laws.import_breaches(Path(path), source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("edge/devices.py", "from hardware import registry"),
        ("cloud/billing/projection.py", "from cloud.sessions import store"),
        ("cloud/billing/projection.py", "from cloud import db"),
        ("cloud/main.py", "from cloud.dashboard import api"),
        ("provisioning/cli.py", "import edge.main"),
        ("edge/rules/power.py", "from edge.rules import books"),
        ("provisioning/simulation/box.py", "from edge.rules import facility"),
        ("provisioning/simulation/bills.py", "from cloud.billing import rules"),
    ],
)
def test_an_allowed_import_passes(path, source):
    assert not list(laws.import_breaches(Path(path), source))


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from datetime import datetime\ndatetime.now()",
        "import random",
        "import sqlite3",
        "import fastapi",
        "open('x')",
        "print('x')",
        "import uuid\nuuid.uuid4()",
        "async def f(): pass",
    ],
)
def test_an_impure_rule_is_caught(source):
    assert list(laws.purity_breaches(Path("edge/rules/power.py"), source))


def test_the_purity_law_covers_rules_shared_words_and_ocpp_but_not_shells():
    pure = ["shared/rating.py", "edge/rules/lane.py", "edge/ocpp/rpc.py", "cloud/billing/rules.py"]
    shells = ["shared/mqtt.py", "edge/runtime.py", "cloud/billing/store.py"]
    assert [laws.is_pure(Path(p)) for p in pure + shells] == [True] * 4 + [False] * 3


@pytest.mark.parametrize(
    "source",
    [
        "\n" * 401,
        "def f():\n" + "    x = 1\n" * 51,
        "def f(a, b, c, d, e, f): pass",
    ],
)
def test_what_does_not_fit_in_the_eye_is_caught(source):
    assert list(laws.size_breaches(Path("edge/rules/power.py"), source))


def test_the_top_level_holds_only_what_a_newcomer_expects():
    files = {"pyproject.toml", "README.md", "Makefile", "uv.lock"}
    expected = {*laws.ROOMS, "tests", "docs", *files}
    found = {p.name for p in laws.ROOT.iterdir() if not p.name.startswith(".") and p.name != "__pycache__"}
    assert found - expected - {p for p in found if p.endswith(".egg-info")} == set()
