"""The MQTT client against a real broker: connects for ever, refuses what it cannot send, queues nothing unseen."""

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.local.broker import Broker
from shared import mqtt
from shared.broker_url import BrokerUrl
from shared.mqtt import MqttClient, backoff_real_s
from tests.waiting import until

TOPIC = "easypark/1/00/boston/events"
pytestmark = pytest.mark.anyio


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path, facility_ids=("boston",)) as broker:
        yield broker


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[MqttClient]:
    async with MqttClient(broker.url(), client_id="one", subscriptions=[TOPIC]) as client:
        await until(lambda: client.connected)
        yield client


async def test_what_is_published_arrives(client: MqttClient) -> None:
    assert client.publish(TOPIC, b"hello")
    assert await asyncio.wait_for(client.messages.get(), 5) == (TOPIC, b"hello")
    assert client.problem is None


async def test_a_large_payload_arrives_whole(client: MqttClient) -> None:
    payload = bytes(range(256)) * 2_000
    assert client.publish(TOPIC, payload)
    assert (await asyncio.wait_for(client.messages.get(), 5))[1] == payload


async def test_many_messages_arrive_in_order(client: MqttClient) -> None:
    for n in range(300):
        assert client.publish(TOPIC, str(n).encode())
    got = [int((await asyncio.wait_for(client.messages.get(), 5))[1]) for _ in range(300)]
    assert got == list(range(300))


async def test_publishing_while_not_connected_is_refused() -> None:
    async with MqttClient(f"mqtt://127.0.0.1:{closed_port()}", client_id="one", subscriptions=[]) as client:
        assert not client.publish(TOPIC, b"lost")
        await until(lambda: "cannot connect" in (client.problem or ""))
        assert not client.connected


async def test_it_comes_back_by_itself_after_the_broker_was_killed_and_subscribes_again(
    broker: Broker, client: MqttClient
) -> None:
    connects: list[int] = []
    client.on_connected = lambda: connects.append(1)
    lost: list[int] = []
    client.on_disconnected = lambda: lost.append(1)
    broker.kill()
    await until(lambda: not client.connected)
    assert not client.publish(TOPIC, b"into the void")
    broker.start()
    await until(lambda: client.connected)
    assert (connects, lost) == ([1], [1])
    assert client.publish(TOPIC, b"back")
    assert (await asyncio.wait_for(client.messages.get(), 5))[1] == b"back"


DYING = """
import asyncio, sys
from shared.mqtt import MqttClient

async def main(url, topic):
    async with MqttClient(url, client_id="two", subscriptions=[], will=(topic, b"two is gone")) as client:
        client.on_connected = lambda: print("connected", flush=True)
        await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_broker_tells_the_will_of_a_process_that_was_killed(broker: Broker, client: MqttClient) -> None:
    command = (sys.executable, "-c", DYING, broker.url(), TOPIC)
    dying = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert dying.stdout is not None
    await dying.stdout.readline()
    dying.kill()
    assert (await asyncio.wait_for(client.messages.get(), 5))[1] == b"two is gone"
    await dying.wait()


async def test_a_client_that_leaves_properly_keeps_its_will_to_itself_and_sends_what_it_had_accepted(
    broker: Broker, client: MqttClient
) -> None:
    async with MqttClient(broker.url(), client_id="two", subscriptions=[], will=(TOPIC, b"gone")) as other:
        await until(lambda: other.connected)
        assert other.publish(TOPIC, b"goodbye")
    assert (await asyncio.wait_for(client.messages.get(), 5))[1] == b"goodbye"
    await asyncio.sleep(0.2)
    assert client.messages.empty()


async def test_a_retained_message_waits_for_who_subscribes_later(broker: Broker, client: MqttClient) -> None:
    topic = "easypark/1/00/boston/presence"
    assert client.publish(topic, b"here", retain=True)
    await asyncio.sleep(0.1)
    async with MqttClient(broker.url(), client_id="late", subscriptions=[topic]) as late:
        assert await asyncio.wait_for(late.messages.get(), 5) == (topic, b"here")


async def test_a_wrong_password_is_a_problem_told_not_a_crash(broker: Broker) -> None:
    wrong = broker.url().replace("mqtt://cloud:", "mqtt://cloud:not")
    async with MqttClient(wrong, client_id="spy", subscriptions=[TOPIC]) as client:
        await until(lambda: "refused the connection" in (client.problem or ""))
        assert "not" + wrong.split("not")[1].split("@")[0] not in (client.problem or "")


async def test_a_subscription_that_the_broker_refuses_is_never_taken_for_a_connection(broker: Broker) -> None:
    async with MqttClient(broker.url("boston"), client_id="b", subscriptions=["easypark/1/00/other/events-ack"]) as c:
        await until(lambda: "refused the subscription" in (c.problem or ""))
        assert not c.connected


async def test_a_reader_that_is_too_slow_loses_messages_and_the_count_is_kept(
    client: MqttClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.messages = asyncio.Queue(2)
    for n in range(5):
        client.publish(TOPIC, str(n).encode())
    await until(lambda: client.inbound_dropped == 3)
    assert client.messages.qsize() == 2


async def test_no_more_is_accepted_than_the_wire_takes(client: MqttClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "OUTBOUND_MAX", 0)
    assert not client.publish(TOPIC, b"too much")


async def test_a_broker_that_accepts_and_says_nothing_does_not_hold_up_the_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = MqttClient(f"mqtt://127.0.0.1:{mute.getsockname()[1]}", client_id="one", subscriptions=[TOPIC])
        async with asyncio.timeout(4):
            async with client:
                await asyncio.sleep(0.2)
                assert not client.connected
    assert not [t for t in threading.enumerate() if t.name == "mqtt"]


@given(st.integers(1, 1_000_000), st.floats(0, 1))
def test_the_wait_between_tries_is_short_at_first_never_zero_and_never_over_the_most(
    failures: int, share: float
) -> None:
    wait_s = backoff_real_s(failures, share)
    assert 0.125 <= wait_s <= 10.0
    assert failures > 1 or wait_s <= 0.25


def test_a_broker_url_names_scheme_user_host_and_port() -> None:
    url = BrokerUrl.parse("mqtt://bo%40ston:s%2Fecret@broker.example:1999")
    assert (url.host, url.port, url.tls) == ("broker.example", 1999, False)
    assert (url.username, url.password) == ("bo@ston", "s/ecret")
    assert "ecret" not in repr(url)
    assert str(url) == "mqtt://broker.example:1999"


def test_tls_is_asked_for_by_the_scheme_with_files_for_private_authorities() -> None:
    url = BrokerUrl.parse("mqtts://broker.example?ca=/etc/ca.pem&cert=/etc/me.pem&key=/etc/me.key")
    assert (url.port, url.tls) == (8883, True)
    assert (url.ca, url.cert, url.key) == ("/etc/ca.pem", "/etc/me.pem", "/etc/me.key")


@pytest.mark.parametrize(
    "text",
    ["", "broker.example", "http://broker.example", "mqtt://", "mqtt://host:99999", "mqtt://h?ca=/x", "mqtts://h?x=1"],
)
def test_any_other_url_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="a broker URL is mqtt://user:password@host:port"):
        BrokerUrl.parse(text)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
