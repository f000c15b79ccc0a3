"""Log lines: one JSON object each, with what was said, where, and for which request."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from shared import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(process="test", stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_how_bad_where_and_what(stream: io.StringIO) -> None:
    logging.getLogger("edge.link").warning("broker %s", "away")
    (line,) = lines(stream)
    assert line["level"] == "WARNING"
    assert line["logger"] == "edge.link"
    assert line["msg"] == "broker away"
    assert line["process"] == "test"
    assert str(line["ts"]).endswith("+00:00")


def test_extra_fields_stand_beside_the_message_and_anything_can_be_one(stream: io.StringIO) -> None:
    logging.getLogger("x").info("batch", extra={"upto": 7, "where": ValueError("odd")})
    (line,) = lines(stream)
    assert (line["upto"], line["where"]) == (7, "odd")


def test_text_with_line_breaks_stays_one_line(stream: io.StringIO) -> None:
    logging.getLogger("x").info("a\nb")
    assert lines(stream)[0]["msg"] == "a\nb"


def test_an_exception_is_told_with_its_trace(stream: io.StringIO) -> None:
    try:
        raise OSError("disk full")
    except OSError:
        logging.getLogger("x").exception("cannot write")
    assert "OSError: disk full" in str(lines(stream)[0]["exception"])


def test_the_correlation_id_holds_inside_and_only_inside(stream: io.StringIO) -> None:
    with logs.correlated("batch-1"):
        logging.getLogger("x").info("in")
    logging.getLogger("x").info("out")
    inside, outside = lines(stream)
    assert inside["correlation_id"] == "batch-1"
    assert "correlation_id" not in outside


def test_chatty_libraries_are_held_to_warnings(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn").info("hello")
    logging.getLogger("uvicorn").warning("trouble")
    assert [line["msg"] for line in lines(stream)] == ["trouble"]
