"""The facility's connection to headquarters over MQTT: its events go up (``link_up``), decisions come down
(``link_down``), each end says that it is there (``link_presence``), commands come and are answered.

Nothing here keeps anything: what is to be sent is in the store, what was acknowledged the cloud says itself, first
thing after every connect. So the link may be stopped, fail and start anew at any moment. Time-outs are real time.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge.link_down import Downlink
from edge.link_presence import Announcer
from edge.link_up import Outlets, Uplink
from edge.packing import Packer
from edge.rules.inputs import Knowledge
from edge.store import Store
from shared.clock import Clock
from shared.commands import CommandRequest, CommandResponse
from shared.mqtt import MqttClient
from shared.sync import Ack, Batch
from shared.wire import DOWN, Channel, Notice, Presence, WireError, decode, encode, parse_topic, topic

TICK_REAL_S = 1.0
REFUSED_REAL_S = 60.0
"""A box that headquarters refuses leaves the wire to the other one of its name, and asks again after so long."""
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
        self.malformed = 0
        self.on_outrun: Callable[[], None] = lambda: None
        self.on_request: Callable[[CommandRequest], None] = lambda _: None
        self.packer = Packer(store)
        self._settings = settings
        self._store = store
        self._problem: str | None = None
        self._refused = False
        self._stirred = asyncio.Event()
        self._client: MqttClient | None = None
        outlets = Outlets(
            publish=self._publish,
            stir=self.stir,
            tell=self._tell,
            agree=self._agree,
            outrun=lambda: self.on_outrun(),  # noqa: PLW0108 - it is set later
        )
        self._up = Uplink(store, self.packer, clock, outlets)
        self._down = Downlink(store, clock, learn=learn)
        self._announcer = Announcer(
            store, clock, publish=self._announce, facility_id=settings.facility_id, version=settings.version
        )

    def stir(self) -> None:
        """There may be something to send; the runtime says so after every commit."""
        self._stirred.set()

    def view(self) -> LinkView:
        """The state of things now."""
        client, head, acked = self._client, self._store.head, self._up.acked
        return LinkView(
            connected=client is not None and client.connected,
            problem=self._problem or self._up.gap or (client.problem if client else "the link is not running"),
            head=head,
            acked=acked,
            backlog=None if acked is None else head - acked,
            decisions_held=self._down.held,
            decisions_head=self._down.head,
            knowledge_at_ms=self._down.knowledge_at_ms,
            acked_at_ms=self._up.acked_at_ms,
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
            subscriptions=[topic(facility_id, channel) for channel in DOWN],
            will=(topic(facility_id, Channel.PRESENCE), encode(self._announcer.told(online=False))),
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
                    self._announcer.say(online=False)
                self._client = None

    def _start_over(self) -> None:
        self._up.start_over()
        self._announcer.say(online=True)

    async def _keep_sending(self, client: MqttClient) -> None:
        while True:
            self._stirred.clear()
            if client.connected:
                self._announcer.judge_silence()
                await self._up.step()
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes together with a stir.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_REAL_S):
                    await self._stirred.wait()

    async def _keep_hearing(self, client: MqttClient) -> None:
        while True:
            await self._take(*await client.messages.get())

    async def _take(self, heard_topic: str, payload: bytes) -> None:
        self._announcer.heard()
        try:
            channel = parse_topic(heard_topic).channel
            if channel is Channel.EVENTS_ACK:
                await self._up.take(decode(Ack, payload))
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

    async def _take_decisions(self, batch: Batch) -> None:
        if self._down.is_of_another_log(batch):
            self._up.doubt()
        self._publish(Channel.DECISIONS_ACK, encode(await self._down.take(batch)))

    def _take_notice(self, notice: Notice) -> None:
        if self._announcer.is_meant(notice):
            self._refused = True
            self._tell(notice.text)
            raise _RefusedError

    def _take_request(self, request: CommandRequest) -> None:
        """A request for another life of this facility's log was meant for another box, or for this one long ago."""
        if (request.facility_id, request.log_id) == (self._settings.facility_id, self._store.log_id):
            self.on_request(request)

    def _announce(self, presence: Presence) -> None:
        self._publish(Channel.PRESENCE, encode(presence), retain=True)

    def _publish(self, channel: Channel, payload: bytes, *, retain: bool = False) -> bool:
        facility_id = self._settings.facility_id
        return self._client is not None and self._client.publish(topic(facility_id, channel), payload, retain=retain)

    def _agree(self) -> None:
        self._problem, self._refused = None, False

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            _log.error(problem)
        self._problem = problem
