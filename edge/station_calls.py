"""Our calls to one charging station: they wait their turn, go out one at a time, and each gets told what became of it.

Only one call may be open (OCPP 2.0.1 part 4, 4.1.1). Limits go before everything else, because a car may be waiting
for one and another car may be waiting for it to be confirmed.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed

from edge.ocpp import capacity
from edge.ocpp.capacity import Room
from edge.ocpp.outbox import Outbox
from edge.ocpp.rpc import Answered, Conversation, Refused
from edge.ocpp.version import (
    CallBody,
    InWatts,
    LimitOutcome,
    LimitUnit,
    Listing,
    OrderResult,
    Version,
    configured_unit,
)
from edge.rules.inputs import LimitReplied, LimitSetpoint, OrderReplied, OrderSetpoint
from shared.clock import Clock
from shared.facilities import Station

QUIET_REAL_S = 1.0
"""A station that connects first says why (B01): nothing is asked of it before it was answered once, or was quiet so
long. One that kept its registration has nothing to say and must get its limits within 2 s."""
REQUESTS_MAX = 64
"""Ordinary calls that may wait for one station."""
NOT_CONNECTED = LimitOutcome("UNSENT", "not connected")
NOT_ACCEPTED = LimitOutcome("UNSENT", "the station's registration was rejected")
SUPERSEDED = LimitOutcome("UNSENT", "superseded")
AWAY = OrderResult("UNSENT", "the station is not connected")
TOO_LATE = OrderResult("UNSENT", "it could not leave before its deadline")
BUSY = OrderResult("UNSENT", f"{REQUESTS_MAX} calls wait for the station already")
NO_WORD = OrderResult("UNSUPPORTED", "the station's OCPP version has no word for it")


class StationAway(ConnectionError):  # noqa: N818  (a state of the world, not of the program)
    """The station is not connected, or went away before the call was sent."""


class StationBusy(RuntimeError):  # noqa: N818
    """Too many calls wait for the station already."""


class NoAnswer(TimeoutError):  # noqa: N818
    """The station got the call and no answer came; what it did is unknown."""


@dataclass(frozen=True, slots=True)
class _LimitOrder:
    setpoint: LimitSetpoint


@dataclass(frozen=True, slots=True)
class _UnitOrder:
    body: CallBody


@dataclass(frozen=True, slots=True)
class _RequestOrder:
    body: CallBody
    reply: "asyncio.Future[Answered | Refused]" = field(compare=False)


@dataclass(frozen=True, slots=True)
class _AskOrder:
    """``until_real_s``: its deadline on the event loop's clock, which nobody can move."""

    setpoint: OrderSetpoint
    body: CallBody
    until_real_s: float


_Order = _LimitOrder | _UnitOrder | _RequestOrder | _AskOrder


@dataclass(frozen=True, slots=True)
class Outlets:
    """``send`` puts a frame on the wire; ``report`` makes the reply to a limit or an order durable; ``heard`` takes
    note of what an answer says of the station."""

    send: Callable[[str], Awaitable[None]]
    report: Callable[[LimitReplied | OrderReplied], Awaitable[object]]
    heard: Callable[[CallBody, Answered | Refused], Awaitable[None]]
    clock: Clock


class StationCalls:
    """The outgoing half of a connection. Its life is ``run``; it ends some time after ``stop``, when all that waited
    has been told."""

    def __init__(
        self,
        station: Station,
        version: Version,
        conversation: Conversation,
        outlets: Outlets,
    ) -> None:
        self._station = station
        self._version = version
        self._conversation = conversation
        self._send = outlets.send
        self._report = outlets.report
        self._heard = outlets.heard
        self._clock = outlets.clock
        self._outbox: Outbox[_Order] = Outbox(REQUESTS_MAX)
        self._order: _Order | None = None
        self._unit: LimitUnit = configured_unit(station) or InWatts()
        self._unit_answers: list[Answered] = []
        self._stopped = False
        self._held = False
        self._may_begin = asyncio.Event()
        self._wake = asyncio.Event()

    def ask_unit(self, question: CallBody, listing: Listing, room: Room) -> None:
        """Find out, before the first limit, in which unit the station takes them."""
        self._ask_unit(capacity.parts(question, listing, room))

    def begin(self) -> None:
        """The station has said something and was answered: calls may go out now."""
        if self._may_begin.is_set() and not self._held:
            return
        self._held = False
        self._may_begin.set()
        self._wake.set()

    def hold(self) -> None:
        """The station was rejected: nothing may be asked of it until it is not (B03)."""
        self._held = True
        self._wake.set()

    def stop(self) -> None:
        """The connection has ended, or is about to."""
        self._stopped = True
        self._may_begin.set()
        self._wake.set()

    def send_limit(self, setpoint: LimitSetpoint) -> tuple[LimitSetpoint, LimitOutcome] | None:
        """Queue a limit. Returns the limit that will certainly never be sent, and why: this one when the connection has
        ended, or an older one of the same EVSE and kind that still waited."""
        if self._stopped or self._held:
            return setpoint, NOT_CONNECTED if self._stopped else NOT_ACCEPTED
        key = (setpoint.evse_id, setpoint.until_ms is None)
        replaced = self._outbox.put_urgent(key, _LimitOrder(setpoint))
        self._wake.set()
        return (replaced.setpoint, SUPERSEDED) if isinstance(replaced, _LimitOrder) else None

    def send_order(self, setpoint: OrderSetpoint) -> OrderResult | None:
        """Queue an order. Returns what became of it when it will certainly never be sent."""
        if self._stopped or self._held:
            return AWAY
        left_ms = setpoint.deadline_ms - self._clock.now_ms()
        if left_ms < 0:
            return TOO_LATE
        if (body := self._version.order_call(setpoint.order)) is None:
            return NO_WORD
        until_real_s = asyncio.get_running_loop().time() + self._clock.real_s(left_ms)
        if not self._outbox.put(_AskOrder(setpoint, body, until_real_s)):
            return BUSY
        self._wake.set()
        return None

    async def request(self, body: CallBody) -> Answered | Refused:
        """Call the station and wait. Raises StationAway, StationBusy or NoAnswer."""
        if self._stopped or self._held:
            raise StationAway(f"{self._station.station_id} is not {'accepted' if self._held else 'connected'}")
        reply: asyncio.Future[Answered | Refused] = asyncio.get_running_loop().create_future()
        if not self._outbox.put(_RequestOrder(body, reply)):
            raise StationBusy(f"{REQUESTS_MAX} calls wait for {self._station.station_id} already")
        self._wake.set()
        return await reply

    async def run(self, call_timeout_real_s: float) -> None:
        """Send what waits until stopped; then tell the rest that they were not sent, or got no answer."""
        await _set_within(self._may_begin, QUIET_REAL_S)
        with contextlib.suppress(ConnectionClosed):
            while not self._stopped:
                await self._step(call_timeout_real_s)
        self._stopped = True
        await self.settle("the connection ended before the answer")
        await self._give_up(NOT_CONNECTED)

    async def _give_up(self, became: LimitOutcome) -> None:
        """Tell everyone who waits that nothing was sent."""
        for order in self._outbox.drain():
            match order:
                case _RequestOrder(body, reply) if not reply.done():
                    reply.set_exception(StationAway(f"{self._station.station_id} went away before {body.action}"))
                case _LimitOrder(setpoint):
                    await self._report(limit_replied(setpoint, became))
                case _AskOrder(setpoint):
                    await self._report(order_replied(setpoint, AWAY))

    async def settle(self, told: Answered | Refused | str) -> None:
        """Tell whoever asked what became of the open call. A text says why there is no answer."""
        order, self._order = self._order, None
        match order:
            case _UnitOrder(body) if not isinstance(told, str):
                self._unit_told(body, told)
                self._wake.set()
                await self._heard(body, told)
            case _RequestOrder(body, reply):
                if not isinstance(told, str):
                    await self._heard(body, told)
                _hand_over(reply, f"{self._station.station_id}, {body.action}", told)
            case _LimitOrder(setpoint):
                became = LimitOutcome("UNKNOWN", told) if isinstance(told, str) else self._version.limit_outcome(told)
                await self._report(limit_replied(setpoint, became))
            case _AskOrder(setpoint):
                await self._report(order_replied(setpoint, self._result(setpoint, told)))
        self._wake.set()

    def _unit_told(self, body: CallBody, told: Answered | Refused) -> None:
        """All parts of the question go before the first limit, also those that a refusal makes of one."""
        self._ask_unit(capacity.halves(body, self._version.listings.get(body.action), told))
        if isinstance(told, Answered):
            self._unit_answers.append(told)
        known = capacity.joined(self._unit_answers) if self._unit_answers else told
        self._unit = self._version.unit_from(self._station, known)

    def _ask_unit(self, parts: tuple[CallBody, ...]) -> None:
        for part in reversed(parts):
            self._outbox.put_first(("unit", str(part.payload)), _UnitOrder(part))

    def _result(self, setpoint: OrderSetpoint, told: Answered | Refused | str) -> OrderResult:
        if isinstance(told, str):
            return OrderResult("UNKNOWN", told)
        return self._version.order_result(setpoint.order, told)

    async def _step(self, call_timeout_real_s: float) -> None:
        """Give up what got no answer, send the next call if none is open, and sleep until something changes."""
        loop = asyncio.get_running_loop()
        self._wake.clear()
        if self._conversation.expire(loop.time()) is not None:
            await self.settle(f"no answer within {call_timeout_real_s:g} s")
        await self._drop_late_orders()
        if self._held:
            await self._give_up(NOT_ACCEPTED)
        if self._conversation.open_call is None and (order := self._next()) is not None:
            self._order = order
            await self._send(self._frame(order, loop.time() + call_timeout_real_s))
        await _set_within(self._wake, self._sleep_real_s(loop.time()))

    def _next(self) -> _Order | None:
        """The next to send. Who asked and does not wait any more must not be obeyed late."""
        while isinstance(order := self._outbox.take(), _RequestOrder) and order.reply.done():
            pass
        return order

    def _sleep_real_s(self, now_real_s: float) -> float | None:
        """Until the open call is given up, or a waiting order; None when nothing has an end."""
        waiting = self._conversation.open_call
        ends = [] if waiting is None else [waiting.deadline_real_s - now_real_s]
        ends += [x.until_real_s - now_real_s for x in self._outbox.ordinary() if isinstance(x, _AskOrder)]
        return min(ends, default=None)

    async def _drop_late_orders(self) -> None:
        now_real_s = asyncio.get_running_loop().time()
        late = self._outbox.withdraw(lambda x: isinstance(x, _AskOrder) and x.until_real_s <= now_real_s)
        for order in late:
            if isinstance(order, _AskOrder):
                await self._report(order_replied(order.setpoint, TOO_LATE))

    def _frame(self, order: _Order, deadline_real_s: float) -> str:
        match order:
            case _LimitOrder(setpoint):
                body = self._version.limit_call(setpoint, self._unit)
            case _UnitOrder(body) | _RequestOrder(body, _) | _AskOrder(_, body, _):
                pass
        message_id = str(uuid.uuid4())
        return self._conversation.call(message_id, body.action, body.payload, deadline_real_s=deadline_real_s)


def _hand_over(reply: "asyncio.Future[Answered | Refused]", about: str, told: Answered | Refused | str) -> None:
    if reply.done():
        return
    if isinstance(told, str):
        reply.set_exception(NoAnswer(f"{about}: {told}"))
    else:
        reply.set_result(told)


async def _set_within(event: asyncio.Event, real_s: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(real_s):
            await event.wait()


def limit_replied(setpoint: LimitSetpoint, became: LimitOutcome) -> LimitReplied:
    """What the rules are told of a limit."""
    return LimitReplied(setpoint.request_id, setpoint.station_id, setpoint.evse_id, became.outcome, became.reason)


def order_replied(setpoint: OrderSetpoint, result: OrderResult) -> OrderReplied:
    """What the rules are told of an order."""
    return OrderReplied(setpoint.order_id, setpoint.station_id, result.outcome, result.reason, result.details)
