"""One connection to one charging station: what it says becomes inputs for the rules, and is answered when durable.

The read loop never waits for a station's answer, only for the rules. When a message cannot be made durable the
connection ends without an answer, so that the station keeps it and sends it again (OCPP 2.0.1 E04).
"""

import asyncio
import logging
import sqlite3
import time
from typing import Literal

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from edge.meter_signatures import judge
from edge.ocpp.masking import masked
from edge.ocpp.notes import Change
from edge.ocpp.rpc import (
    Answered,
    Call,
    Conversation,
    Dialect,
    ErrorCode,
    Ignored,
    Payload,
    Problem,
    Refused,
    Violation,
)
from edge.ocpp.version import (
    CallBody,
    LimitOutcome,
    OrderResult,
    Registration,
    Request,
    Version,
    configured_unit,
)
from edge.rules.clock_inputs import TimeTold
from edge.rules.inputs import (
    NO_MATCHES,
    Answer,
    LimitSetpoint,
    OrderSetpoint,
    StationClosed,
    StationOpened,
    TransactionReported,
)
from edge.rules.orders import AskMessage
from edge.rules.quarantine_requests import Misbehaved
from edge.rules.station_inputs import SignatureChecked
from edge.station_calls import Outlets, StationCalls
from edge.station_greeting import Greeting
from edge.station_guard import Pace
from edge.station_parts import in_parts
from edge.surroundings import Surroundings
from shared.facilities import Station

_log = logging.getLogger(__name__)

_BOOT, _SIGN, _TRIGGER = "BootNotification", "SignCertificate", "TriggerMessage"
"""Actions that every OCPP version names alike."""
_REPORTS = frozenset(("NotifyReport", "NotifyMonitoringReport"))
NOT_KEPT = "a message could not be kept"
_BREACHES = {1002: 5, 1007: 5, 1008: 20, 1009: 5}
"""What it counts that we closed a connection with such a code: no WebSocket, no UTF-8, too many pings, too long."""
_UNREADABLE = 1
"""What a frame counts that is no message at all."""
REASON_MAX = 200


class _NotKeptError(Exception):
    """A report could not be written down, so the station is to send it again."""


class StationLink:
    """Lives as long as its connection; ``run`` is its life. ``last_seen_ms`` is lived, ``dialect`` what it speaks,
    ``certificate`` what it showed (DER)."""

    def __init__(
        self, socket: ServerConnection, station: Station, *, version: Version, dialect: Dialect, around: Surroundings
    ) -> None:
        self.last_seen_ms = around.clock.now_ms()
        self.certificate_ends_ms: int | None = None
        self.certificate: bytes | None = None
        self._socket = socket
        self._station = station
        self.version = self._version = version
        self._pace = Pace()
        self._around = around
        self.dialect = dialect
        self._conversation = Conversation(dialect)
        outlets = Outlets(self._send, around.submit, self._answer_heard, around.clock)
        self._calls = StationCalls(station, version, self._conversation, outlets)
        self._why = ""
        self._registration: Registration = "Accepted"
        self._triggered: set[str] = set()
        self._signs = False
        self._booted = False
        self._greeting = Greeting(station, version, around, self.request)
        self._greeted: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def run(self, older: "StationLink | None") -> None:
        """Talk until the connection ends, once the station's older connection has ended, if there is one.

        What ``submit`` raises comes out of here, after the connection was closed with 1011.
        """
        station_id = self._station.station_id
        try:
            if older is not None:
                await older.retire("replaced by a newer connection")
            await self._greeting.recall()
            self._registration = self._greeting.held_back
            if self._registration == "Rejected":
                self._calls.hold()
            await self._ask_unit()
            await self._around.submit(StationOpened(station_id, self._version.name))
            calling = asyncio.create_task(self._call())
            self._greet()
            try:
                await self._talk(calling)
            finally:
                await self._around.submit(StationClosed(station_id, self._why or NOT_KEPT))
        finally:
            self._calls.stop()
            self._ended.set()

    async def _talk(self, calling: asyncio.Task[None]) -> None:
        try:
            await self._read()
        finally:
            self._calls.stop()
            await self._socket.close(1011, NOT_KEPT)
            await asyncio.gather(*(x for x in (calling, self._greeted) if x is not None))

    def _greet(self) -> None:
        """From the beginning, if it is not the first time."""
        if self._greeted is not None:
            self._greeted.cancel()
        self._greeted = asyncio.create_task(self._greeting.run())

    async def retire(self, reason: str) -> None:
        """Close the connection and wait until the rules know that it has ended."""
        self._why = reason
        self._calls.stop()
        await self._socket.close(1000, reason)
        await self._ended.wait()

    def send_limit(self, setpoint: LimitSetpoint) -> tuple[LimitSetpoint, LimitOutcome] | None:
        """Queue a limit; see ``StationCalls.send_limit``."""
        return self._calls.send_limit(setpoint)

    def send_order(self, setpoint: OrderSetpoint) -> OrderResult | None:
        """Queue an order; see ``StationCalls.send_order``. One that the station's schemas would refuse stays here."""
        if isinstance(setpoint.order, AskMessage):
            self._triggered.add(setpoint.order.message)
        body = self._version.order_call(setpoint.order)
        if body is not None and (problem := self.judge(body.action, body.payload)) is not None:
            return OrderResult("UNSENT", problem.description)
        return self._calls.send_order(setpoint)

    def judge(self, action: str, payload: Payload) -> Problem | None:
        """What is wrong with a call that somebody wants to send to this station; None when it may go."""
        if not self.dialect.goes_to_station(action):
            text = f"OCPP {self._version.name} has no action {action[:50]!r} that goes to a station"
            return Problem(ErrorCode.NOT_IMPLEMENTED, text)
        return self.dialect.requests[action](payload)

    def why_not_by_hand(self, action: str, payload: Payload) -> str | None:
        """Why a valid message may not be sent by hand; None when it may."""
        return self._version.why_not_by_hand(self._station, action, payload)

    async def request(self, body: CallBody) -> Answered | Refused:
        """Call the station and wait; what is too long for it goes in parts. Raises StationAway, StationBusy or
        NoAnswer."""
        if body.action == _TRIGGER:
            self._triggered.add(str(body.payload.get("requestedMessage")))
        listing = self._version.listings.get(body.action)
        if listing is None:
            return await self._calls.request(body)
        return await in_parts(self._calls.request, body, listing, await self._greeting.room(listing))

    async def _ask_unit(self) -> None:
        question = None if configured_unit(self._station) else self._version.unit_question(self._station)
        if question is not None:
            listing = self._version.listings[question.action]
            self._calls.ask_unit(question, listing, await self._greeting.room(listing))

    async def _answer_heard(self, body: CallBody, told: Answered | Refused) -> None:
        if isinstance(told, Answered) and told.problem is None and (notes := self._version.told(body, told.payload)):
            await self._keep(notes, also_booked=True)

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.recv()
                self.last_seen_ms = self._around.clock.now_ms()
                self._note("in", frame if isinstance(frame, str) else repr(frame))
                if (wait_real_s := self._pace.read(len(frame), time.monotonic())) > 0:
                    await asyncio.sleep(wait_real_s)
                await self._received(frame)
        except ConnectionClosed as closed:
            if not self._why and closed.sent is not None and not closed.rcvd_then_sent:
                await self._offended(_BREACHES.get(closed.sent.code, 0), f"it was cut off: {closed.sent}")
            self._why = self._why or str(closed)

    async def _call(self) -> None:
        """Make our calls. Without them the connection is of no use: when they cannot go on, it ends."""
        try:
            await self._calls.run(self._around.call_timeout_real_s)
        finally:
            await self._socket.close(1011, "calls cannot go on")

    async def _received(self, frame: str | bytes) -> None:
        match self._conversation.receive(frame):
            case Call() as call:
                await self._called(call)
            case (Answered() | Refused()) as told:
                await self._calls.settle(told)
            case Violation(problem, too_long=True):
                await self._socket.close(1009, problem.description)
            case Violation(problem, reply, unreadable):
                about = self._about(problem=f"{problem.code}: {problem.description}")
                _log.warning("station broke the protocol", extra=about)
                await self._send(reply)
                await asyncio.sleep(self._pace.wrong(time.monotonic()))
                if unreadable:
                    await self._offended(_UNREADABLE, problem.description)
            case Ignored(reason):
                _log.info("frame ignored", extra=self._about(problem=reason))

    async def _offended(self, points: int, what: str) -> None:
        """Count what no well-meant message does; when it is enough, the station is put out for a while."""
        station_id = self._station.station_id
        if not (points and self._around.guard.offended(station_id, points, time.monotonic())):
            return
        self._why = "quarantine"
        await self._around.submit(Misbehaved(station_id, what[:REASON_MAX]))
        _log.warning("station put in quarantine", extra=self._about(reason=what[:REASON_MAX]))
        await self._socket.close(1008, self._why)

    async def _called(self, call: Call) -> None:
        """Answer a station's call, once what it led to is durable."""
        message_id = call.message_id
        if not self._heard(call.action):
            problem = Problem(ErrorCode.SECURITY_ERROR, f"the station's registration is {self._registration}")
            await self._send(self._conversation.refuse(message_id, problem))
            return
        untimed = self._around.untimed(self._station.station_id)  # before the time of the answer is read
        try:
            answer = await self._handle(call)
        except _NotKeptError:
            problem = Problem(ErrorCode.INTERNAL_ERROR, "this could not be kept now")
            await self._send(self._conversation.refuse(message_id, problem))
            return
        await self._send(self._conversation.answer(message_id, answer))
        if untimed and "currentTime" in answer:
            await self._around.submit(TimeTold(self._station.station_id))
        if call.action == _BOOT:
            self._registered(answer)
        if self._registration != "Rejected":
            self._calls.begin()
        if call.action == _SIGN and self._signs:
            self._sign(call.payload)

    def _heard(self, action: str) -> bool:
        """B02.FR.09, B03: a station that is not accepted may ask for it again, and send what it was asked for."""
        if self._registration == "Accepted" or action == _BOOT:
            return True
        return self._registration == "Pending" and (action in _REPORTS or action in self._triggered)

    def _registered(self, answer: Payload) -> None:
        was, status = self._registration, answer.get("status")
        self._registration = status if status in ("Pending", "Rejected") else "Accepted"
        if self._registration == "Rejected":
            self._calls.hold()
        elif was == "Rejected":
            self._calls.begin()
        if self._registration != "Rejected" and (self._booted or was == "Rejected"):
            # It was let in late, or has lost what it was told when it came: it booted on the same connection.
            self._greet()
        self._booted = True

    async def _handle(self, call: Call) -> Payload:
        """Raises _NotKeptError when a report could not be kept, and is nothing that the rules have booked."""
        station_id, around = self._station.station_id, self._around
        token = self._version.token_of(call.payload)
        matches = NO_MATCHES if token is None else await around.matches_for_token(token)
        if call.action == _BOOT:
            await self._greeting.recall()
        now_ms, held_back = around.clock.now_ms(), self._greeting.held_back
        self._signs = call.action == _SIGN and self._may_sign(call.payload)
        request = Request(station_id, call.payload, now_ms, matches, held_back, signs=self._signs)
        handler = self._version.handlers[call.action]
        answer: Answer | None = None
        inputs = handler.inputs(request)
        for given in inputs:
            self._greeting.hear(given)
            if isinstance(given, TransactionReported) and given.signed:
                await around.submit(self._signature(given, call.payload))
            answer = await around.submit(given)
        if notes := handler.notes(request):
            await self._keep(notes, also_booked=bool(inputs))
        return handler.answer(request, answer)

    def _signature(self, given: TransactionReported, payload: Payload) -> SignatureChecked:
        """What the meter's signature on a register is worth, as far as arithmetic can tell."""
        configured = [x.meter_public_key for x in self._station.evses if x.meter_public_key]
        keys = (*configured, *self._around.meter_keys(given.station_id))
        found = judge(self._version.signed_values(payload), keys, given.register_wh)
        about = (given.station_id, given.transaction_id, given.evse_id)
        return SignatureChecked(*about, found.outcome, found.reason, found.key, found.registers_wh)

    def _may_sign(self, payload: Payload) -> bool:
        signer = self._around.signer
        if signer is None or not self._version.signs(payload):
            return False
        problem = signer.problem(self._station.station_id, payload)
        if problem is not None:
            _log.warning("a certificate will not be signed", extra=self._about(problem=problem))
        return problem is None

    def _sign(self, payload: Payload) -> None:
        if self._around.signer is not None:
            self._around.signer.sign(self._station.station_id, payload)

    async def _keep(self, notes: tuple[Change, ...], *, also_booked: bool) -> None:
        try:
            await self._around.book.keep(self._station.station_id, notes, self._around.clock.now_ms())
        except sqlite3.Error as error:
            _log.warning("a station's report could not be kept", extra=self._about(problem=str(error)))
            # What the log holds is answered: a station gives up on a transaction message after a few refusals (E13).
            if not also_booked:
                raise _NotKeptError from error

    async def _send(self, frame: str) -> None:
        self._note("out", frame)
        if self._socket.state is State.OPEN and not self._socket.transport.get_write_buffer_size():
            broadcast((self._socket,), frame, raise_exceptions=True)  # costs half of ``send``, which could wait
        else:
            await self._socket.send(frame)

    def _note(self, direction: Literal["in", "out"], frame: str) -> None:
        if self._around.journal is not None:
            self._around.journal(self._station.station_id, direction, masked(frame))

    def _about(self, **more: object) -> dict[str, object]:
        return {"station_id": self._station.station_id, **more}
