"""The facility's end of both logs: its events up, the decisions of headquarters down, over MQTT.

Nothing here keeps anything: what is to be sent is in the store, what was acknowledged the cloud says itself, first
thing after every connect. So the link may be stopped, fail and start anew at any moment. Time-outs are real time.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge.logbook import CLOUD_UPTO, ClosedLog
from edge.packing import Packer, SentLog, Stretch
from edge.rules.inputs import Knowledge
from edge.store import SLICE_ENTRIES_MAX, Store
from shared.clock import Clock
from shared.commands import CommandRequest, CommandResponse
from shared.mqtt import MqttClient
from shared.sync import Ack, Batch, Sender, receive
from shared.wire import DOWN, Channel, Notice, Parcel, Presence, WireError, decode, encode, parse_topic, topic

RESEND_REAL_MS = 10_000
TICK_REAL_S = 1.0
REFUSED_REAL_S = 60.0
"""A box that headquarters refuses leaves the wire to the other one of its name, and asks again after so long."""
ANNOUNCE_AFTER_REAL_MS = 60_000
"""The cloud asks one that is silent after a third of this: a longer silence means that it does not count on us."""
_HEARD = DOWN
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """``broker_url`` holds a password: never log it."""

    facility_id: str
    broker_url: str
    version: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """How far the two ends are apart, for pages.

    ``acked`` None: the cloud has not said yet what it holds. ``knowledge_at_ms`` is the lived instant at which this
    facility last knew that it holds every decision, ``acked_at_ms`` at which the cloud last said what it holds; None:
    not since the daemon started. ``refused``: the cloud says that another box is this facility.
    """

    connected: bool
    problem: str | None
    head: int
    acked: int | None
    backlog: int | None
    decisions_held: int
    decisions_head: int
    knowledge_at_ms: int | None
    acked_at_ms: int | None
    refused: bool


class _RefusedError(Exception):
    pass


class Link:
    """``run`` is one life of the link: it lasts until cancelled or until the store fails."""

    def __init__(
        self, settings: LinkSettings, store: Store, clock: Clock, *, learn: Callable[[Knowledge], None]
    ) -> None:
        self.problem: str | None = None
        self.malformed = 0
        self.on_outrun: Callable[[], None] = lambda: None
        self.on_request: Callable[[CommandRequest], None] = lambda _: None
        self._settings = settings
        self.packer = Packer(store)
        self._ahead: Stretch | None = None
        self._store = store
        self._clock = clock
        self._learn = learn
        self._sender = Sender(store.log_id)
        self._held_whole: set[str] = set()
        self._decisions_log = ""
        self._acked: int | None = None
        self._decisions = (0, 0)
        self._knowledge_at_ms: int | None = None
        self._acked_at_ms: int | None = None
        self._refused = False
        self._instance = secrets.token_hex(4)
        self._quiet_since_real_ms = 0
        self._stirred = asyncio.Event()
        self._client: MqttClient | None = None

    def stir(self) -> None:
        """There may be something to send; the runtime says so after every commit."""
        self._stirred.set()

    def view(self) -> LinkView:
        """The state of things now."""
        client, head = self._client, self._store.head
        return LinkView(
            connected=client is not None and client.connected,
            problem=self.problem or (client.problem if client is not None else "the link is not running"),
            head=head,
            acked=self._acked,
            backlog=None if self._acked is None else head - self._acked,
            decisions_held=self._decisions[0],
            decisions_head=self._decisions[1],
            knowledge_at_ms=self._knowledge_at_ms,
            acked_at_ms=self._acked_at_ms,
            refused=self._refused,
        )

    def respond(self, response: CommandResponse) -> None:
        """Carry an answer to headquarters, if it is there; nothing waits for it to come back."""
        self._publish(Channel.RESPONSE, encode(response))

    async def run(self) -> None:
        """Connect and keep both logs moving. Raises a group with sqlite3.Error when decisions cannot be stored."""
        while True:
            await self._live()
            await asyncio.sleep(REFUSED_REAL_S)

    async def _live(self) -> None:
        """One connection's care, until cancelled or refused."""
        facility_id = self._settings.facility_id
        client = MqttClient(
            self._settings.broker_url,
            client_id=f"easypark-edge-{facility_id}",
            subscriptions=[topic(facility_id, channel) for channel in _HEARD],
            will=(topic(facility_id, Channel.PRESENCE), encode(self._presence(online=False))),
        )
        client.on_connected = self._start_over
        self._client = client
        async with client:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._keep_sending(client))
                    tasks.create_task(self._keep_hearing(client))
            except* _RefusedError:
                pass
            finally:
                if not self._refused:
                    self._publish(Channel.PRESENCE, encode(self._presence(online=False)), retain=True)
                self._client = None

    def _start_over(self) -> None:
        """A new connection: the other side may be another, or restored from a backup. Ask what it holds."""
        self._held_whole = set()
        self._sender = Sender(self._sent_log().log_id)
        self._say_online()
        self._stirred.set()

    def _say_online(self) -> None:
        self._quiet_since_real_ms = _now_real_ms()
        self._publish(Channel.PRESENCE, encode(self._presence(online=True)), retain=True)

    def _judge_silence(self) -> None:
        """Say again that this box is here when the cloud, which asks who is silent, is silent itself: a retained
        "offline" that outlived a broker's restart would else count until the next event, hours later in a quiet night.
        """
        if _now_real_ms() - self._quiet_since_real_ms > ANNOUNCE_AFTER_REAL_MS:
            self._say_online()

    def _presence(self, *, online: bool) -> Presence:
        return Presence(
            facility_id=self._settings.facility_id,
            online=online,
            at_ms=self._clock.now_ms(),
            log_id=self._store.log_id,
            head=self._store.head,
            version=self._settings.version,
            instance=self._instance,
        )

    # Up.

    async def _keep_sending(self, client: MqttClient) -> None:
        while True:
            self._stirred.clear()
            if client.connected:
                self._judge_silence()
                if self._sender.wants_to_send(self._sent_log().head, _now_real_ms()):
                    await self._offer()
                elif (after := self._far_behind()) is not None:
                    self._ahead = await self.packer.pack(self._sent_log(), after)
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes together with a stir.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_REAL_S):
                    await self._stirred.wait()

    def _far_behind(self) -> int | None:
        """After which entry the batch begins that can be packed while another is in flight; None while the rest is
        little, since what is booked meanwhile may still join it, or when that is done."""
        sender, log = self._sender, self._sent_log()
        after = sender.in_flight_upto
        if sender.acked is None or after is None or log.head - after < SLICE_ENTRIES_MAX:
            return None
        packed = self._ahead is not None and (self._ahead.log_id, self._ahead.after) == (log.log_id, after)
        return None if packed else after

    async def _offer(self) -> None:
        asked = self._sender
        if asked.in_flight_upto is not None:
            self.packer.answered(None)
        stretch = await self._next_stretch(asked.acked)
        payload = await self._store.in_reader(stretch.parcel.seal, self._said_of(stretch))
        if self._sender is not asked:
            self._stirred.set()  # an ack or a reconnect came meanwhile: look again
        elif self._publish(Channel.EVENTS, payload):
            self._sender = asked.offered(stretch.upto, _now_real_ms() + RESEND_REAL_MS)
            self._stirred.set()

    async def _next_stretch(self, acked: int | None) -> Stretch:
        """What follows ``acked``; nothing when it is not known what the cloud holds."""
        log, ahead = self._sent_log(), self._ahead
        self._ahead = None
        if acked is None:
            return Stretch(log.log_id, 0, 0, Parcel())
        if ahead is not None and (ahead.log_id, ahead.after) == (log.log_id, acked):
            return ahead
        return await self.packer.pack(log, acked)

    def _said_of(self, stretch: Stretch) -> Batch:
        return Batch(
            log_id=stretch.log_id,
            after=stretch.after,
            upto=stretch.upto,
            entries=(),
            head=max(self._sent_log().head, stretch.upto),
            sent_at_ms=self._clock.now_ms(),
            sent_by="" if stretch.log_id == self._store.log_id else self._store.log_id,
        )

    # Down.

    async def _keep_hearing(self, client: MqttClient) -> None:
        while True:
            await self._take(*await client.messages.get())

    async def _take(self, heard_topic: str, payload: bytes) -> None:
        self._quiet_since_real_ms = _now_real_ms()
        try:
            channel = parse_topic(heard_topic).channel
            if channel is Channel.EVENTS_ACK:
                await self._take_ack(decode(Ack, payload))
            elif channel is Channel.DECISIONS:
                await self._take_decisions(await self._store.in_reader(decode, Batch, payload))
            elif channel is Channel.REQUEST:
                self._take_request(decode(CommandRequest, payload))
            elif channel is Channel.NOTICE:
                self._take_notice(decode(Notice, payload))
        except WireError as error:
            self.malformed += 1
            if self.malformed == 1:
                _log.error("malformed message, counted and ignored from now on", extra={"problem": str(error)})

    async def _take_ack(self, ack: Ack) -> None:
        log = self._sent_log()
        log_id, base, head = log.log_id, log.base, log.head
        if ack.log_id != log_id:
            return
        self._note_speed(ack)
        if ack.upto < base:
            self._tell_gap(ack, base)
        if (former := self._former()) is not None:
            if not base <= ack.upto < head:
                if not former.drained:
                    await self._store.in_writer(self._store.log.mark_drained, former)
                self._held_whole.add(log_id)
                self._sender, self._acked = Sender(self._sent_log().log_id), None
            else:
                self._sender = self._sender.acknowledged(ack, head)
            self._stirred.set()
        elif ack.upto > head:
            await self._outrun(ack, head)
        elif ack.upto < base:
            # What comes next is not here, and the cloud takes no gap: ask again from time to time, send nothing.
            self._sender = Sender(log_id).offered(0, _now_real_ms() + RESEND_REAL_MS)
            self._acked = ack.upto
        elif self._held_whole and self._acked is not None and ack.upto < self._acked:
            self._ask_anew()
        else:
            self._sender = self._sender.acknowledged(ack, head)
            self._acked, self.problem, self._refused = ack.upto, None, False
            self._acked_at_ms = self._clock.now_ms()
            self._stirred.set()

    def _ask_anew(self) -> None:
        """The cloud was put back to a backup: it may lack of any log, of those before this one, too."""
        self._held_whole = set()
        self._sender, self._acked = Sender(self._sent_log().log_id), None
        self._stirred.set()

    def _note_speed(self, ack: Ack) -> None:
        sender = self._sender
        if sender.acked is not None and sender.in_flight_upto == ack.upto:
            self.packer.answered(_now_real_ms() - (sender.resend_at_ms - RESEND_REAL_MS))

    def _former(self) -> ClosedLog | None:
        """The oldest former log of which the cloud has not said, on this connection, that it holds it whole."""
        return next((log for log in self._store.closed_logs if log.log_id not in self._held_whole), None)

    def _sent_log(self) -> SentLog:
        """Former logs come first."""
        former = self._former()
        if former is not None:
            return SentLog(former.log_id, former.base, former.head, former.table)
        return SentLog(self._store.log_id, self._store.base, self._store.head)

    def _tell_gap(self, ack: Ack, base: int) -> None:
        self._tell(
            f"the cloud holds log {ack.log_id} up to {ack.upto} and this box keeps it from {base + 1} on:"
            f" entries {ack.upto + 1} to {base} are in neither. Restore the cloud from a newer backup"
            + ("; until then nothing is sent and nothing is removed here" if self._former() is None else "")
        )

    async def _outrun(self, ack: Ack, head: int) -> None:
        """The cloud knows more of this log than this box: its data folder is an older copy. Only a start can begin a
        new log, so that is remarked in the file and the daemon is asked to end."""
        self._tell(
            f"the cloud holds {ack.upto} entries of log {ack.log_id}, this box only {head}: its data folder is an"
            " older copy; it begins a new log at the next start"
        )
        await self._store.in_writer(self._store.log.set_meta, CLOUD_UPTO, str(ack.upto))
        self.on_outrun()

    async def _take_decisions(self, batch: Batch) -> None:
        if self._held_whole and batch.log_id != self._decisions_log:
            self._ask_anew()  # a restored cloud begins a new log of decisions
        self._decisions_log = batch.log_id
        held = self._store.decisions_held(batch.log_id)
        entries, upto = receive(held, batch)
        if upto > held:
            changed = await self._store.in_writer(
                self._store.apply_decisions, batch.log_id, entries, upto, complete=upto >= batch.head
            )
            if changed:
                self._learn(self._store.knowledge())
        self._decisions = (upto, max(batch.head, upto))
        if upto >= batch.head:
            self._knowledge_at_ms = self._clock.now_ms()
        self._publish(Channel.DECISIONS_ACK, encode(Ack(log_id=batch.log_id, upto=upto)))

    def _take_notice(self, notice: Notice) -> None:
        if (notice.log_id, notice.instance) == (self._store.log_id, self._instance):
            self._refused = True
            self._tell(notice.text)
            raise _RefusedError

    def _take_request(self, request: CommandRequest) -> None:
        """A request for another life of this facility's log was meant for another box, or for this one long ago."""
        if (request.facility_id, request.log_id) == (self._settings.facility_id, self._store.log_id):
            self.on_request(request)

    def _publish(self, channel: Channel, payload: bytes, *, retain: bool = False) -> bool:
        facility_id = self._settings.facility_id
        return self._client is not None and self._client.publish(topic(facility_id, channel), payload, retain=retain)

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            _log.error(problem)
        self.problem = problem


def _now_real_ms() -> int:
    return round(time.monotonic() * 1_000)
