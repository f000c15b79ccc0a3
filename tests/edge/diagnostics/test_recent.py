"""The newest log lines stay in memory."""

import json
import logging

import pytest

from edge.diagnostics import recent
from edge.diagnostics.recent import RecentLines


def record(text: str, *about: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "args": about})


def test_the_newest_lines_are_kept_and_long_ones_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "LINES_KEPT", 2)
    monkeypatch.setattr(recent, "LINE_CHARACTERS_MAX", 300)
    kept = RecentLines()
    for text in ("first", "second", "x" * 1_000):
        kept.handle(record(text))
    second, long = kept.lines
    assert json.loads(second)["msg"] == "second"
    assert len(long) == 300


def test_a_line_that_cannot_be_written_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    kept = RecentLines()
    kept.handle(record("%d cars", "many"))
    kept.handle(record("%d cars", 3))
    assert [json.loads(line)["msg"] for line in kept.lines] == ["3 cars"]
    assert "'%d cars'" in capsys.readouterr().err, "it is told where errors of logging are"
