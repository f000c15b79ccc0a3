"""Commands over a real broker into the real rules: at most once and never late, whatever the wire and clocks do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge import commands as commands_module
from edge.commands import Commands
from edge.config import parse_config
from edge.diagnostics.collector import Diagnostics
from edge.link import Link, LinkSettings
from edge.rules.gathering import GatherDiagnostics
from edge.rules.inputs import ArmSetpoint, CommandSettled, OrderReplied, OrderSetpoint, StationOpened
from edge.rules.orders import SendLocalList
from edge.runtime import FACILITY_RULES, Runtime
from edge.store import Store
from provisioning.local.broker import Broker
from shared.clock import HOUR_MS, REAL_TIME, Clock
from shared.commands import (
    WINDOW_REAL_MS,
    CommandRequest,
    CommandResponse,
    CommandResult,
    OpenGate,
    Outcome,
    Reason,
    ResetStation,
)
from shared.decisions import FacilityConfigured
from shared.devices import Arm
from shared.mqtt import MqttClient
from shared.sync import SyncEntry
from shared.wire import Channel, decode, encode, topic
from tests.builders import facility
from tests.waiting import until

pytestmark = pytest.mark.anyio
SITE = facility(11_000)
OPEN = OpenGate(lane_id="in-1").model_dump(mode="json")
RESET = ResetStation(station_id="cs-1").model_dump(mode="json")
REQUESTS = topic(SITE.facility_id, Channel.REQUEST)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker"), facility_ids=(SITE.facility_id,)) as broker:
        yield broker


@dataclass
class Box:
    """A running facility; ``shift_s`` moves its wall clock, ``real_ms`` its monotonic one."""

    log_id: str
    runtime: Runtime
    commands: Commands
    shift_s: list[float] = field(default_factory=lambda: [0.0])
    real_ms: list[float] = field(default_factory=lambda: [0.0])
    raised: list[ArmSetpoint] = field(default_factory=list)
    orders: list[OrderSetpoint] = field(default_factory=list)


@asynccontextmanager
async def box_on(
    folder: Path, broker: Broker, readings: Mapping[str, Callable[[], object]] | None = None
) -> AsyncIterator[Box]:
    store = Store(folder, SITE.facility_id)
    entry = SyncEntry(position=1, body=FacilityConfigured(facility=SITE).model_dump(mode="json"))
    store.apply_decisions("hq-1", [entry], 1)
    shift_s, real_ms = [0.0], [0.0]
    clock = Clock(REAL_TIME, lambda: time.time() + shift_s[0])
    runtime = Runtime(store, clock, FACILITY_RULES, version="1")
    link = Link(LinkSettings(SITE.facility_id, broker.url(SITE.facility_id), "1"), store, clock, learn=runtime.learn)
    commands = Commands(
        clock,
        submit=runtime.submit,
        taken=lambda: runtime.state.commands,
        monotonic_ms=lambda: time.monotonic() * 1_000 + real_ms[0],
    )
    commands.respond, link.on_request = link.respond, commands.heard
    config = parse_config(
        {
            "facility_id": SITE.facility_id,
            "data_dir": str(folder),
            "broker_url": broker.url(SITE.facility_id),
            "ocpp": {"port": 1},
            "api": {"port": 1, "token_file": "tokens"},
        },
        folder / "edge.toml",
    )
    diagnostics = Diagnostics(config, clock, readings or {}, submit=runtime.submit)
    commands.on_reading = diagnostics.piece
    runtime.on_setpoint(GatherDiagnostics, diagnostics.gather)
    box = Box(store.log_id, runtime, commands, shift_s, real_ms)
    runtime.on_setpoint(CommandSettled, commands.settled)
    runtime.on_setpoint(ArmSetpoint, lambda s: box.raised.append(s) if s.arm is Arm.RAISED else None)
    runtime.on_setpoint(OrderSetpoint, lambda s: None if isinstance(s.order, SendLocalList) else box.orders.append(s))
    tasks = [asyncio.create_task(runtime.run()), asyncio.create_task(link.run())]
    await until(lambda: link.view().connected)
    try:
        yield box
    finally:
        tasks[1].cancel()
        await asyncio.wait({tasks[1]})
        runtime.stop()
        await tasks[0]
        store.close()


@pytest.fixture
async def box(tmp_path: Path, broker: Broker) -> AsyncIterator[Box]:
    async with box_on(tmp_path, broker) as box:
        yield box


class Hq:
    """Headquarters' end of the wire, by hand."""

    def __init__(self, broker: Broker) -> None:
        responses = topic(SITE.facility_id, Channel.RESPONSE)
        self.client = MqttClient(broker.url(), client_id="hq", subscriptions=[responses])

    def say(self, request: CommandRequest, *, retain: bool = False) -> None:
        assert self.client.publish(REQUESTS, encode(request), retain=retain)

    async def hear(self) -> CommandResponse:
        async with asyncio.timeout(10):
            _, payload = await self.client.messages.get()
            return decode(CommandResponse, payload)

    async def challenge(self, request: CommandRequest) -> CommandRequest:
        """The request with the challenge that the box gave for it."""
        self.say(request)
        return request.model_copy(update={"challenge": (await self.hear()).challenge})

    async def result(self) -> CommandResult:
        answer = await self.hear()
        assert answer.result is not None
        return answer.result


@pytest.fixture
async def hq(broker: Broker) -> AsyncIterator[Hq]:
    hq = Hq(broker)
    async with hq.client:
        await until(lambda: hq.client.connected)
        yield hq


def asked(box: Box, command: dict[str, object] = OPEN, command_id: str = "c-1") -> CommandRequest:
    return CommandRequest(
        command_id=command_id, facility_id=SITE.facility_id, log_id=box.log_id, by="hq ann", command=command
    )


async def test_a_request_alone_does_nothing_and_its_confirmation_is_done_and_answered(box: Box, hq: Hq) -> None:
    confirmed = await hq.challenge(asked(box))
    assert confirmed.challenge
    assert box.raised == []
    hq.say(confirmed)
    assert await hq.result() == CommandResult(command_id="c-1", outcome=Outcome.DONE)
    assert len(box.raised) == 1


async def test_a_confirmation_that_comes_again_is_answered_alike_and_not_done_again(box: Box, hq: Hq) -> None:
    confirmed = await hq.challenge(asked(box))
    for _ in range(3):
        hq.say(confirmed)
    first = await hq.result()
    hq.say(confirmed)
    assert await hq.result() == first
    assert len(box.raised) == 1


async def test_a_confirmation_that_was_on_its_way_too_long_is_not_done(box: Box, hq: Hq) -> None:
    confirmed = await hq.challenge(asked(box))
    box.real_ms[0] += WINDOW_REAL_MS + 1
    hq.say(confirmed)
    result = await hq.result()
    assert (result.outcome, result.reason) == (Outcome.EXPIRED, Reason.TOO_LATE)
    assert box.raised == []


@pytest.mark.parametrize("jump_ms", [-5 * HOUR_MS, 5 * HOUR_MS])
async def test_clocks_that_are_hours_apart_or_jump_decide_nothing(box: Box, hq: Hq, jump_ms: int) -> None:
    request = asked(box).model_copy(update={"issued_at_ms": round(time.time() * 1_000) + jump_ms})
    confirmed = await hq.challenge(request)
    box.shift_s[0] += jump_ms / 1_000
    hq.say(confirmed)
    assert (await hq.result()).outcome is Outcome.DONE
    late = await hq.challenge(request.model_copy(update={"command_id": "c-2"}))
    box.shift_s[0] -= jump_ms / 1_000
    box.real_ms[0] += WINDOW_REAL_MS + 1
    hq.say(late)
    assert (await hq.result()).outcome is Outcome.EXPIRED
    assert len(box.raised) == 1


async def test_what_a_broker_kept_for_a_box_that_was_away_is_not_done(tmp_path: Path, broker: Broker, hq: Hq) -> None:
    async with box_on(tmp_path, broker) as box:
        confirmed = await hq.challenge(asked(box))
        hq.say(confirmed)
        await hq.result()
        kept = confirmed.model_copy(update={"command_id": "c-2"})
    hq.say(kept, retain=True)
    try:
        async with box_on(tmp_path, broker) as box:
            result = await hq.result()
            assert (result.command_id, result.outcome) == ("c-2", Outcome.EXPIRED)
            assert box.raised == []
    finally:
        hq.client.publish(REQUESTS, b"", retain=True)


async def test_after_a_restart_an_old_confirmation_is_void_and_a_done_command_is_answered_as_it_was(
    tmp_path: Path, broker: Broker, hq: Hq
) -> None:
    async with box_on(tmp_path, broker) as box:
        done = await hq.challenge(asked(box))
        hq.say(done)
        first = await hq.result()
        open_ = await hq.challenge(asked(box, command_id="c-2"))
    async with box_on(tmp_path, broker) as box:
        hq.say(done)
        assert await hq.result() == first
        hq.say(open_)
        assert (await hq.result()).outcome is Outcome.EXPIRED
        assert box.raised == []


async def test_an_order_that_was_in_the_air_at_a_restart_is_unknown_and_not_sent_again(
    tmp_path: Path, broker: Broker, hq: Hq
) -> None:
    async with box_on(tmp_path, broker) as box:
        await box.runtime.submit(StationOpened("cs-1", "2.0.1"))
        confirmed = await hq.challenge(asked(box, RESET))
        hq.say(confirmed)
        await until(lambda: box.orders)
    async with box_on(tmp_path, broker) as box:
        hq.say(asked(box, RESET))
        assert (await hq.result()).outcome is Outcome.UNKNOWN
        assert box.orders == []


async def test_the_answer_to_a_stations_order_is_what_the_station_said(box: Box, hq: Hq) -> None:
    await box.runtime.submit(StationOpened("cs-1", "2.0.1"))
    hq.say(await hq.challenge(asked(box, RESET)))
    await until(lambda: box.orders)
    [order] = box.orders
    await box.runtime.submit(OrderReplied(order.order_id, "cs-1", "REJECTED", "busy", {"n": 1}))
    assert await hq.result() == CommandResult(
        command_id="c-1", outcome=Outcome.REFUSED, reason="busy", details={"n": 1}
    )


async def test_a_command_of_a_newer_headquarters_is_refused_and_not_guessed_at(box: Box, hq: Hq) -> None:
    hq.say(await hq.challenge(asked(box, {"type": "PaintTheGate", "colour": "red"})))
    result = await hq.result()
    assert (result.outcome, result.reason) == (Outcome.REFUSED, Reason.UNKNOWN_COMMAND)


async def test_a_request_for_another_life_of_the_log_is_left_alone(box: Box, hq: Hq) -> None:
    hq.say(asked(box).model_copy(update={"log_id": "an-older-life"}))
    hq.say(asked(box, command_id="c-2"))
    assert (await hq.hear()).command_id == "c-2"


async def test_another_requests_challenge_is_worth_nothing(box: Box, hq: Hq) -> None:
    first = await hq.challenge(asked(box))
    await hq.challenge(asked(box, command_id="c-2"))
    hq.say(first.model_copy(update={"command_id": "c-2"}))
    assert (await hq.result()).outcome is Outcome.EXPIRED
    assert box.raised == []


async def test_an_input_that_waited_behind_a_slow_disk_is_not_done_late(box: Box) -> None:
    box.real_ms[0] -= WINDOW_REAL_MS + 50  # given a second ago by the runtime's own clock
    result = await box.commands.run(OpenGate(lane_id="in-1"), "mara")
    assert (result.outcome, result.reason) == (Outcome.EXPIRED, Reason.TOO_LATE)
    assert box.raised == []


async def test_who_waits_on_site_hears_that_nothing_was_heard(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_module, "ANSWER_WITHIN_REAL_S", 0.1)
    await box.runtime.submit(StationOpened("cs-1", "2.0.1"))
    assert (await box.commands.run(ResetStation(station_id="cs-1"), "mara")).outcome is Outcome.UNKNOWN
