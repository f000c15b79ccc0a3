"""Events up over a real broker: the log arrives whole, whatever the other side forgets or the wire loses."""

import asyncio

import pytest

from edge import link as link_module
from edge import link_up
from edge.store import Store
from provisioning.local.broker import Broker
from shared.sync import Ack, SyncEntry
from shared.wire import Channel
from tests.edge.link_kit import Cloud, broker, cloud, link_to, positions, running, store, write
from tests.waiting import until

__all__ = ["broker", "cloud", "store"]
pytestmark = pytest.mark.anyio


async def test_what_is_in_the_log_arrives_once_and_in_order(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 18_003)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 18_003)
        write(store, 2)
        link.stir()
        await until(lambda: link.view().acked == 18_005)
    assert positions(cloud, store) == list(range(1, 18_006))
    assert cloud.held[store.log_id][0].body == {"at_ms": 1, "type": "Noted", "body": {"text": "x"}}


async def test_the_first_thing_sent_is_a_question_so_nothing_is_sent_twice_after_a_restart(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 3)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 3)
    cloud.batches.clear()
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 3)
    assert [(b.after, b.upto, b.entries, b.head) for b in cloud.batches] == [(0, 0, (), 3)]


async def test_one_batch_is_in_flight_and_it_is_resent_only_at_its_deadline(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_up, "RESEND_REAL_MS", 700)
    monkeypatch.setattr(link_module, "TICK_REAL_S", 0.02)
    write(store, 600)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 600)
        cloud.deaf = True
        cloud.batches.clear()
        write(store, 1)
        link.stir()
        await until(lambda: len(cloud.batches) == 1)
        write(store, 1)
        link.stir()
        await asyncio.sleep(0.3)
        assert len(cloud.batches) == 1
        await until(lambda: len(cloud.batches) == 2)
        cloud.deaf = False
        await until(lambda: link.view().backlog == 0)
    assert positions(cloud, store) == list(range(1, 603))


async def test_a_cloud_restored_from_an_old_backup_gets_again_what_it_lost(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 10)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 10)
        del cloud.held[store.log_id][4:]
        cloud.say(Channel.EVENTS_ACK, Ack(log_id=store.log_id, upto=4))
        await until(lambda: len(cloud.held[store.log_id]) == 10)
    assert positions(cloud, store) == list(range(1, 11))


async def test_an_ack_beyond_the_log_is_not_believed_and_is_told_as_what_it_means(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 2)
    cloud.held[store.log_id] = [SyncEntry(position=n, body={}) for n in range(1, 9)]
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().problem is not None and "older copy" in str(link.view().problem))
        assert link.view().acked is None


async def test_large_entries_travel_in_small_batches(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 5, "x" * 600_000)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
    assert [len(b.entries) for b in cloud.batches if b.entries] == [1, 1, 1, 1, 1]


async def test_a_killed_broker_loses_nothing(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
        broker.kill()
        await until(lambda: not link.view().connected)
        write(store, 700)
        link.stir()
        broker.start()
        await until(lambda: link.view().acked == 705, 20)
    assert positions(cloud, store) == list(range(1, 706))
