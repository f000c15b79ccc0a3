"""The broker: known users only, each facility to its own topics, and what was acknowledged survives a kill."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from provisioning.local.broker import Broker
from provisioning.local.errors import SetupError
from provisioning.local.ports import free_port
from shared.wire import Channel, topic

HERE, THERE = "boston-downtown", "philadelphia-center-city"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker"), facility_ids=(HERE, THERE)) as running:
        yield running


class Client:
    """A paho client that connects, subscribes and says what became of it."""

    def __init__(self, url: str, name: str, topics: tuple[str, ...] = (), password: str | None = None) -> None:
        parts = urlsplit(url)
        self.messages: list[tuple[str, bytes]] = []
        self.arrived, self._connected, self._subscribed = threading.Event(), threading.Event(), threading.Event()
        self.accepted, self.granted = False, []
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.paho.username_pw_set(parts.username, password or unquote(parts.password or ""))
        self.paho.on_connect = self._on_connect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = self._on_message
        self.paho.connect("127.0.0.1", parts.port or 0)
        self.paho.loop_start()
        assert self._connected.wait(5)
        if topics:
            self.paho.subscribe([(name, 1) for name in topics])
            assert self._subscribed.wait(5)

    def _on_connect(self, _client: object, _data: object, _flags: object, code: object, _properties: object) -> None:
        self.accepted = not code.is_failure  # type: ignore[attr-defined]
        self._connected.set()

    def _on_subscribe(self, _client: object, _data: object, _mid: int, codes: list, _properties: object) -> None:
        self.granted = [not code.is_failure for code in codes]
        self._subscribed.set()

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.messages.append((message.topic, message.payload))
        self.arrived.set()

    def publish(self, name: str, payload: bytes) -> None:
        self.paho.publish(name, payload, qos=1).wait_for_publish(5)


@contextmanager
def client(*args: object) -> Iterator[Client]:
    made = Client(*args)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.paho.disconnect()
        made.paho.loop_stop()


def test_a_facility_is_heard_by_the_cloud_and_answered(broker: Broker) -> None:
    up, down = topic(HERE, Channel.EVENTS), topic(HERE, Channel.EVENTS_ACK)
    with client(broker.url(), "c1", (up,)) as cloud, client(broker.url(HERE), "f1", (down,)) as facility:
        facility.publish(up, b"batch")
        assert cloud.arrived.wait(5)
        cloud.publish(down, b"ack")
        assert facility.arrived.wait(5)
        assert (cloud.messages, facility.messages) == ([(up, b"batch")], [(down, b"ack")])


def test_a_facility_cannot_speak_for_another_nor_as_the_cloud(broker: Broker) -> None:
    forged, mine = topic(THERE, Channel.EVENTS), topic(HERE, Channel.EVENTS)
    as_cloud = topic(THERE, Channel.DECISIONS)
    with client(broker.url(), "c2", (forged, as_cloud, mine)) as cloud, client(broker.url(HERE), "f2") as facility:
        facility.publish(forged, b"forged")
        facility.publish(as_cloud, b"forged")
        facility.publish(mine, b"honest")
        assert cloud.arrived.wait(5)
        assert cloud.messages == [(mine, b"honest")]


def test_a_facility_hears_nothing_that_is_not_for_it(broker: Broker) -> None:
    wanted = (topic(HERE, Channel.DECISIONS), topic(THERE, Channel.DECISIONS), "easypark/#", "#", "$SYS/#")
    with client(broker.url(HERE), "f3", wanted) as facility:
        assert facility.granted == [True, False, False, False, False]


@pytest.mark.parametrize("user", ["cloud", HERE, "nobody"])
def test_a_wrong_password_is_refused(broker: Broker, user: str) -> None:
    port = urlsplit(broker.url()).port
    with client(f"mqtt://{user}:wrong@127.0.0.1:{port}", "x") as stranger:
        assert not stranger.accepted


def test_passwords_are_drawn_and_for_their_owner_only(broker: Broker) -> None:
    passwords = {urlsplit(broker.url(user)).password for user in ("cloud", HERE, THERE)}
    assert len(passwords) == 3
    files = [broker.folder / "nats.conf", *broker.folder.glob("*.password")]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 4


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Retained presence, published and acknowledged, is there after kill -9 and a start on the same port."""
    presence = topic(HERE, Channel.PRESENCE)
    with Broker(tmp_path, facility_ids=(HERE,)) as broker:
        with client(broker.url(HERE), "f") as facility:
            facility.paho.publish(presence, b"here", qos=1, retain=True).wait_for_publish(5)
        before = broker.url()
        broker.kill()
        assert not broker.running
        broker.start()
        assert broker.url() == before
        with client(broker.url(), "c", (presence,)) as cloud:
            assert cloud.arrived.wait(5)
            assert cloud.messages == [(presence, b"here")]


def test_a_taken_port_is_one_line(tmp_path: Path, broker: Broker) -> None:
    taken = urlsplit(broker.url()).port
    with pytest.raises(SetupError, match=f"port {taken} is taken by another program: choose another for the broker"):
        Broker(tmp_path, facility_ids=(HERE,), port=taken).start()


def test_a_broker_that_cannot_start_says_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where its store should be")
    with pytest.raises(SetupError, match=r"the broker does not start: .*storage directory.*--fresh"):
        Broker(tmp_path, facility_ids=(HERE,), port=free_port()).start()


def test_a_missing_program_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYPARK_NATS_SERVER", "/nowhere/nats-server")
    with pytest.raises(SetupError, match=r"no program at /nowhere/nats-server.*EASYPARK_NATS_SERVER"):
        Broker(tmp_path, facility_ids=(HERE,)).start()
