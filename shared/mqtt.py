"""The one MQTT wire that both ends hold: paho-mqtt on its own thread, bridged to asyncio.

It promises little, on purpose. What was published may be lost, repeated or late; ``shared/sync.py`` recovers all of
that by its own acks. So every connection starts with a clean session and a fresh paho client: what an old connection
had not sent dies with it, and nothing is ever delivered by a queue that nobody sees. MQTT 3.1.1, QoS 1.

paho is only touched on the thread; asyncio only sees a queue, a flag and a callback. Time-outs here are real seconds.
"""

import asyncio
import logging
import random
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shared.broker_url import BrokerUrl

KEEPALIVE_REAL_S = 15
CONNECT_TIMEOUT_REAL_S = 4.0
STOP_TIMEOUT_REAL_S = 1.5
FAREWELL_REAL_S = 0.5
BACKOFF_MIN_REAL_S = 0.25
BACKOFF_MAX_REAL_S = 10.0
INBOUND_MAX = 1_000
OUTBOUND_MAX = 1_000

_log = logging.getLogger(__name__)
_dice = random.SystemRandom()

Outbound = deque[tuple[str, bytes, bool]]


def backoff_real_s(failures: int, share: float) -> float:
    """How long to wait after so many failures in a row (1 is the first): doubling, capped, and spread.

    ``share`` in 0..1 is drawn by the caller; the wait is between half and all of the doubled time, so that a hundred
    facilities do not come back in one instant.
    """
    doubled = BACKOFF_MIN_REAL_S * 2.0 ** min(failures - 1, 16)
    whole = min(BACKOFF_MAX_REAL_S, doubled)
    return whole * (0.5 + share / 2)


def _tls_context(broker: BrokerUrl) -> ssl.SSLContext:
    """Raises OSError (ssl.SSLError) for certificate files that cannot be used."""
    context = ssl.create_default_context(cafile=broker.ca)
    if broker.cert:
        context.load_cert_chain(broker.cert, broker.key)
    return context


class MqttClient:
    """Connects for ever, subscribes again on every connect, and refuses to publish while it is not connected.

    ``async with`` starts and stops it. Entering never fails for want of a broker: ``connected`` and ``problem`` tell.
    ``connected`` is true once the broker accepted every subscription, so an answer to what is published from then on
    can be heard. Messages that arrive while ``messages`` is full are dropped and counted in ``inbound_dropped``.

    Raises ValueError when ``url`` cannot be read (see ``BrokerUrl``).
    """

    def __init__(
        self, url: str, *, client_id: str, subscriptions: Sequence[str], will: tuple[str, bytes] | None = None
    ) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(INBOUND_MAX)
        self.on_connected: Callable[[], None] | None = None
        self.on_disconnected: Callable[[], None] | None = None
        self.problem: str | None = "not connected yet"
        self.outbound_dropped = 0
        self._dropped_full = 0
        self._dropped_behind = 0
        self._broker = BrokerUrl.parse(url)
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._outbound: Outbound | None = None
        self._posted = 0
        self._delivered = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def connected(self) -> bool:
        return self._outbound is not None

    @property
    def inbound_dropped(self) -> int:
        return self._dropped_full + self._dropped_behind

    async def __aenter__(self) -> "MqttClient":
        self._loop = asyncio.get_running_loop()
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is waiting, say goodbye to the broker (so it keeps the will to itself), and end the thread."""
        self._stop.set()
        self._wake()
        await asyncio.to_thread(self._thread.join, STOP_TIMEOUT_REAL_S)
        self._outbound = None
        if not self._thread.is_alive():  # else it hangs in a connect; it is a daemon and ends with the process
            self._wake_r.close()
            self._wake_w.close()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the wire, QoS 1. False when not connected or too much is waiting: nothing was taken.

        True is no receipt; call from the event loop only.
        """
        if self._outbound is None or len(self._outbound) >= OUTBOUND_MAX:
            return False
        self._outbound.append((topic, payload, retain))
        self._wake()
        return True

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full of wake-ups already: it will wake
            self._wake_w.send(b"!")

    # On the event loop, called from the thread.

    def _now_connected(self, outbound: Outbound) -> None:
        if self._stop.is_set():
            return
        self._outbound = outbound
        self.problem = None
        _log.info("connected to %s", self._broker)
        if self.on_connected is not None:
            self.on_connected()

    def _now_disconnected(self, problem: str) -> None:
        was_connected = self.connected
        self._outbound = None
        self.problem = problem
        if was_connected and self.on_disconnected is not None:
            self.on_disconnected()

    def _deliver(self, topic: str, payload: bytes) -> None:
        self._delivered += 1
        try:
            self.messages.put_nowait((topic, payload))
        except asyncio.QueueFull:
            self._dropped_full += 1

    # On the thread.

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *args)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            life = _Life(self._broker, self._client_id, self._subscriptions, self._will)
            life.on_message = self._took
            life.on_ready = lambda outbound: self._post(self._now_connected, outbound)
            problem = life.live(self._stop, self._wake_r)
            failures = 1 if life.was_ready else failures + 1
            self._post(self._now_disconnected, problem)
            if not self._stop.is_set():
                wait_s = backoff_real_s(failures, _dice.random())
                _log.log(logging.WARNING if failures == 1 else logging.DEBUG, "broker away: %s", problem)
                self._stop.wait(wait_s)
            self.outbound_dropped += life.dropped

    def _took(self, topic: str, payload: bytes) -> None:
        if self._posted - self._delivered >= INBOUND_MAX:  # the event loop itself is behind
            self._dropped_behind += 1
            return
        self._posted += 1
        self._post(self._deliver, topic, payload)


class _Life:
    """One connection from its first packet to its last, on the thread that calls ``live``."""

    def __init__(
        self, broker: BrokerUrl, client_id: str, subscriptions: tuple[str, ...], will: tuple[str, bytes] | None
    ) -> None:
        self.on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.on_ready: Callable[[Outbound], None] = lambda _outbound: None
        self.was_ready = False
        self.dropped = 0
        self._broker = broker
        self._subscriptions = subscriptions
        self._problem = ""
        self._outbound: Outbound = deque()
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_TIMEOUT_REAL_S
        client.max_queued_messages_set(OUTBOUND_MAX)
        client.username_pw_set(broker.username, broker.password)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _client, _data, message: self.on_message(message.topic, bytes(message.payload))
        self._client = client

    def live(self, stop: threading.Event, wake: socket.socket) -> str:
        """Connect and serve until the connection ends or ``stop`` is set. Returns why it ended, for people."""
        try:
            if self._broker.tls:
                self._client.tls_set_context(_tls_context(self._broker))
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_REAL_S)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no resolver takes
            return f"cannot connect to {self._broker}: {error}"
        if isinstance(sock := self._client.socket(), socket.socket):
            # A PUBACK and the message after it are two small writes: the second would wait 40 ms for the first's ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (sock := self._client.socket()) is not None and not stop.is_set():
            self._serve(sock, wake, 1.0)
        if self._client.socket() is not None:
            self._farewell(wake)
        return self._problem or "stopped"

    def _serve(self, sock: Any, wake: socket.socket, timeout_real_s: float) -> None:
        while self._outbound:
            topic, payload, retain = self._outbound.popleft()
            if self._client.publish(topic, payload, qos=1, retain=retain).rc != paho.MQTT_ERR_SUCCESS:
                self.dropped += 1
        if self._client.socket() is None:  # sending found out that the broker is gone
            return
        events = select.POLLIN | (select.POLLOUT if self._client.want_write() else 0)
        poll = select.poll()  # select.select refuses file descriptors above 1023
        poll.register(sock, events)
        poll.register(wake, select.POLLIN)
        # Bytes that TLS has decrypted already do not show on the socket.
        undelivered = sock.pending() if self._broker.tls else 0
        ready = dict(poll.poll(0 if undelivered else timeout_real_s * 1_000))
        if wake.fileno() in ready:
            with suppress(BlockingIOError):
                wake.recv(4_096)
        if undelivered or ready.get(sock.fileno(), 0) & ~select.POLLOUT:
            self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()

    def _farewell(self, wake: socket.socket) -> None:
        """Send what was accepted, then DISCONNECT; gives up when the broker does not take it at once."""
        if (sock := self._client.socket()) is not None:
            self._serve(sock, wake, 0)
        self._client.disconnect()
        if (sock := self._client.socket()) is not None:
            self._serve(sock, wake, FAREWELL_REAL_S)

    # paho's callbacks; their shapes are paho's.

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._problem = f"{self._broker} refused the connection: {reason}"
        elif self._subscriptions:
            client.subscribe([(topic, 1) for topic in self._subscriptions])
        else:
            self._ready()

    def _on_subscribe(self, client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [topic for topic, r in zip(self._subscriptions, reasons, strict=True) if r.is_failure]
        if refused:
            self._problem = f"{self._broker} refused the subscription to {', '.join(refused)}"
            client.disconnect()
        else:
            self._ready()

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._problem = self._problem or f"{self._broker} went away: {reason}"

    def _ready(self) -> None:
        self.was_ready = True
        self.on_ready(self._outbound)
