"""One look per second, shared by all who watch; each is told only what changed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cloud.dashboard import live as live_module
from cloud.dashboard.live import Live, Picture, Trouble, message

pytestmark = pytest.mark.anyio


class Source:
    """Counts the looks; shows ``parts`` or raises."""

    def __init__(self) -> None:
        self.looks = 0
        self.parts = {"a": "1", "b": "1"}
        self.away = False

    async def look(self) -> Picture:
        self.looks += 1
        if self.away:
            raise ConnectionError("away")
        return Picture(as_of=f"look {self.looks}", shape=" ".join(self.parts), whole="<p>all</p>", parts=self.parts)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(live_module, "EVERY_REAL_S", 0.02)
    return Source()


def watch(source: Source) -> Live:
    return Live("region", source.look, Trouble((ConnectionError,), "the source is away"))


async def until(stream: AsyncIterator[str], wanted: str) -> str:
    """All that is sent up to and with the first event that has ``wanted`` in it."""
    found = ""
    async with asyncio.timeout(5):
        async for event in stream:
            found += event
            if wanted in event:
                return found
    raise AssertionError(f"the stream ended without {wanted}: {found}")


async def test_a_newcomer_gets_all_and_then_only_what_changed(source: Source) -> None:
    stream = watch(source).follow()
    first = await until(stream, "event: tick")
    assert '<div id="region" hx-swap-oob="innerHTML"><p>all</p></div>' in first
    source.parts = {"a": "1", "b": "2"}
    news = await until(stream, "event: parts")
    assert '<div id="b" hx-swap-oob="innerHTML">2</div>' in news
    assert 'id="a"' not in news
    await stream.aclose()


async def test_another_set_of_parts_sends_the_whole_region_again(source: Source) -> None:
    stream = watch(source).follow()
    await until(stream, "event: tick")
    source.parts = {"a": "1", "b": "1", "c": "1"}
    assert "<p>all</p>" in await until(stream, "event: parts")
    await stream.aclose()


async def test_many_watchers_cost_one_look_each_turn(source: Source) -> None:
    shared = watch(source)
    streams = [shared.follow() for _ in range(20)]
    for stream in streams:
        await until(stream, "look 3")
    assert source.looks < 20
    for stream in streams:
        await stream.aclose()


async def test_nobody_watching_costs_no_look(source: Source) -> None:
    shared = watch(source)
    stream = shared.follow()
    await until(stream, "event: tick")
    await stream.aclose()
    looked = source.looks
    await asyncio.sleep(0.1)
    assert source.looks == looked
    again = shared.follow()
    assert "event: tick" in await until(again, "event: tick")
    await again.aclose()


async def test_while_the_source_is_away_there_is_no_tick_and_it_comes_back_by_itself(source: Source) -> None:
    shared = watch(source)
    stream = shared.follow()
    await until(stream, "event: tick")
    source.away = True
    assert "data: the source is away" in await until(stream, "event: trouble")
    assert await shared.picture() is None
    source.away = False
    await until(stream, "event: tick")
    assert await shared.picture() is not None
    await stream.aclose()


async def test_a_source_that_hangs_counts_as_away(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "LOOK_TIMEOUT_REAL_S", 0.05)

    async def hang() -> Picture:
        await asyncio.sleep(60)
        raise AssertionError("not reached")

    stream = Live("region", hang, Trouble((TimeoutError,), "it hangs")).follow()
    await until(stream, "data: it hangs")
    await stream.aclose()


async def test_closing_ends_every_stream_at_once(source: Source) -> None:
    shared = watch(source)
    streams = [shared.follow() for _ in range(3)]
    for stream in streams:
        await until(stream, "event: tick")
    shared.close()
    async with asyncio.timeout(1):
        for stream in streams:
            assert [event async for event in stream if "tick" not in event] == []


async def test_a_defect_ends_the_streams_so_that_pages_say_so(source: Source) -> None:
    async def broken() -> Picture:
        raise KeyError("a defect")

    async with asyncio.timeout(1):
        assert [event async for event in Live("region", broken, Trouble((), "")).follow()] == ["retry: 1000\n\n"]


async def test_every_line_of_an_event_is_marked_as_the_format_asks() -> None:
    assert message("parts", "<p>\none</p>") == "event: parts\ndata: <p>\ndata: one</p>\n\n"
    assert message("tick", "") == "event: tick\ndata: \n\n"
