"""The way up: the facility's log in batches, former logs first, as far as the cloud's acks say that it is not there."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.link_logs import LogOrder
from edge.logbook import CLOUD_UPTO, ClosedLog
from edge.packing import Packer, SentLog, Stretch
from edge.store import SLICE_ENTRIES_MAX, Store
from shared.clock import Clock
from shared.sync import Ack, Batch, Sender
from shared.wire import Channel, Parcel

RESEND_REAL_MS = 10_000


@dataclass(frozen=True, slots=True)
class Outlets:
    """``publish`` hands bytes to the wire, False when it takes none. ``stir``: look again for what to send. ``tell``
    says what keeps the two ends apart, ``agree`` that nothing does. ``outrun``: only a start can go on."""

    publish: Callable[[Channel, bytes], bool]
    stir: Callable[[], None]
    tell: Callable[[str], None]
    agree: Callable[[], None]
    outrun: Callable[[], None]


class Uplink:
    """``acked`` is how much of the present log the cloud said that it holds, None while it has not; ``acked_at_ms`` the
    lived instant at which it last did. ``gap``: what of a former log is in neither of both, so that the rest of it
    cannot go up."""

    def __init__(self, store: Store, packer: Packer, clock: Clock, outlets: Outlets) -> None:
        self.acked: int | None = None
        self.acked_at_ms: int | None = None
        self.gap: str | None = None
        self._store = store
        self._packer = packer
        self._clock = clock
        self._outlets = outlets
        self._logs = LogOrder(store)
        self._sender = Sender(store.log_id)
        self._ahead: Stretch | None = None

    def start_over(self) -> None:
        """A new connection: the other side may be another, or restored from a backup. Ask what it holds."""
        self._ask_anew()

    def doubt(self) -> None:
        """The cloud was put back to a backup: it may lack of any log, of those before this one, too."""
        if self._logs.former_done:
            self._ask_anew()
            self.acked = None

    def _ask_anew(self) -> None:
        self._logs.ask_anew()
        self.gap = None
        self._ask()

    def _ask(self) -> None:
        self._sender = Sender(self._logs.sent().log_id)
        self._outlets.stir()

    # Sending.

    async def step(self) -> None:
        """Send the next batch if its time has come, else pack ahead if there is much to go."""
        if self._sender.wants_to_send(self._logs.sent().head, _now_real_ms()):
            await self._offer()
        elif (after := self._far_behind()) is not None:
            self._ahead = await self._packer.pack(self._logs.sent(), after)

    def _far_behind(self) -> int | None:
        """After which entry the batch begins that can be packed while another is in flight; None while the rest is
        little, since what is booked meanwhile may still join it, or when that is done."""
        sender, log = self._sender, self._logs.sent()
        after = sender.in_flight_upto
        if sender.acked is None or after is None or log.head - after < SLICE_ENTRIES_MAX:
            return None
        packed = self._ahead is not None and (self._ahead.log_id, self._ahead.after) == (log.log_id, after)
        return None if packed else after

    async def _offer(self) -> None:
        asked = self._sender
        if asked.in_flight_upto is not None:
            self._packer.answered(None)
        stretch = await self._next_stretch(asked.acked)
        payload = await self._store.in_reader(stretch.parcel.seal, self._said_of(stretch))
        if self._sender is not asked:
            self._outlets.stir()  # an ack or a reconnect came meanwhile: look again
        elif self._outlets.publish(Channel.EVENTS, payload):
            self._sender = asked.offered(stretch.upto, _now_real_ms() + RESEND_REAL_MS)
            self._outlets.stir()

    async def _next_stretch(self, acked: int | None) -> Stretch:
        """What follows ``acked``; nothing when it is not known what the cloud holds."""
        log, ahead = self._logs.sent(), self._ahead
        self._ahead = None
        if acked is None:
            return Stretch(log.log_id, 0, 0, Parcel())
        if ahead is not None and (ahead.log_id, ahead.after) == (log.log_id, acked):
            return ahead
        return await self._packer.pack(log, acked)

    def _said_of(self, stretch: Stretch) -> Batch:
        return Batch(
            log_id=stretch.log_id,
            after=stretch.after,
            upto=stretch.upto,
            entries=(),
            head=max(self._logs.sent().head, stretch.upto),
            sent_at_ms=self._clock.now_ms(),
            sent_by="" if stretch.log_id == self._store.log_id else self._store.log_id,
        )

    # Acks.

    async def take(self, ack: Ack) -> None:
        """The cloud says how much it holds of a log. Raises sqlite3.Error when that cannot be remembered."""
        log, former = self._logs.sent(), self._logs.former()
        if ack.log_id != log.log_id:
            return
        self._note_speed(ack)
        if former is not None:
            await self._take_former(ack, former)
        else:
            await self._take_present(ack, log)

    def _note_speed(self, ack: Ack) -> None:
        sender = self._sender
        if sender.acked is not None and sender.in_flight_upto == ack.upto:
            self._packer.answered(_now_real_ms() - (sender.resend_at_ms - RESEND_REAL_MS))

    async def _take_former(self, ack: Ack, former: ClosedLog) -> None:
        if former.base <= ack.upto < former.head:
            self._sender = self._sender.acknowledged(ack, former.head)
            self._outlets.stir()
            return
        if ack.upto < former.base:
            self.gap = _gap(ack, former.base)
            self._logs.pass_over(former)
        else:
            await self._logs.held(former)
        self.acked = None
        self._ask()

    async def _take_present(self, ack: Ack, log: SentLog) -> None:
        if ack.upto > log.head:
            await self._outrun(ack, log)
        elif ack.upto < log.base:
            # What comes next is not here, and the cloud takes no gap: ask again from time to time, send nothing.
            self._outlets.tell(f"{_gap(ack, log.base)}; until then nothing is sent and nothing is removed here")
            self._sender = Sender(log.log_id).offered(0, _now_real_ms() + RESEND_REAL_MS)
            self.acked = ack.upto
        elif self._logs.former_done and self.acked is not None and ack.upto < self.acked:
            self.doubt()
        else:
            self._sender = self._sender.acknowledged(ack, log.head)
            self.acked, self.acked_at_ms = ack.upto, self._clock.now_ms()
            self._outlets.agree()
            self._outlets.stir()

    async def _outrun(self, ack: Ack, log: SentLog) -> None:
        """The cloud knows more of this log than this box: its data folder is an older copy. Only a start can begin a
        new log, so that is remarked in the file and the daemon is asked to end."""
        self._outlets.tell(
            f"the cloud holds {ack.upto} entries of log {ack.log_id}, this box only {log.head}: its data folder is an"
            " older copy; it begins a new log at the next start"
        )
        await self._store.in_writer(self._store.log.set_meta, CLOUD_UPTO, str(ack.upto))
        self._outlets.outrun()


def _gap(ack: Ack, base: int) -> str:
    return (
        f"the cloud holds log {ack.log_id} up to {ack.upto} and this box keeps it from {base + 1} on:"
        f" entries {ack.upto + 1} to {base} are in neither. Restore the cloud from a newer backup"
    )


def _now_real_ms() -> int:
    return round(time.monotonic() * 1_000)
