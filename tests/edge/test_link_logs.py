"""Which log the link sends: former ones first and whole, and what it says when the two ends do not fit together."""

import asyncio
from dataclasses import replace

import pytest

from edge.link_logs import LogOrder
from edge.logbook import CLOUD_UPTO, Snapshot
from edge.store import Store
from provisioning.local.broker import Broker
from shared.sync import Batch, SyncEntry
from shared.wire import Channel
from tests.edge.link_kit import Cloud, broker, cloud, link_to, positions, running, store, write
from tests.waiting import until

__all__ = ["broker", "cloud", "store"]
pytestmark = pytest.mark.anyio


def begin_anew(store: Store) -> str:
    """Close the log and begin another; returns the id of the former."""
    former = store.log_id
    store.begin_anew("boston-2", Snapshot(0, "rules", '{"head":0}'), [])
    return former


def hold(cloud: Cloud, log_id: str, upto: int) -> None:
    cloud.held[log_id] = [SyncEntry(position=n, body={}) for n in range(1, upto + 1)]


async def test_a_former_log_goes_up_whole_before_the_present_one(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 700)
    former = begin_anew(store)
    write(store, 5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
    assert [e.position for e in cloud.held[former]] == list(range(1, 701))
    assert positions(cloud, store) == [1, 2, 3, 4, 5]
    logs = [batch.log_id for batch in cloud.batches if batch.entries]
    assert logs == sorted(logs, key=[former, store.log_id].index)
    assert {batch.sent_by for batch in cloud.batches if batch.log_id == former} == {store.log_id}
    assert [former.drained for former in store.closed_logs] == [True]


async def test_what_was_said_of_a_former_log_on_the_connection_before_counts_no_more(store: Store) -> None:
    write(store, 1)
    begin_anew(store)
    logs = LogOrder(store)
    former = logs.former()
    assert former is not None
    writing = asyncio.create_task(logs.held(former))
    await asyncio.sleep(0)
    logs.ask_anew()
    await writing
    assert logs.former() == replace(former, drained=True)


async def test_what_the_cloud_has_of_a_former_log_is_not_sent_again(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 10)
    former = begin_anew(store)
    write(store, 1)
    hold(cloud, former, 8)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 1)
    sent = [e.position for batch in cloud.batches if batch.log_id == former for e in batch.entries]
    assert sent == [9, 10]


@pytest.mark.parametrize("box", ["goes on", "is started again"])
async def test_a_cloud_that_was_put_back_gets_a_former_log_again_and_first(
    box: str, broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 700)
    former = begin_anew(store)
    write(store, 5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
        cloud.held.clear()
        cloud.batches.clear()
        if box == "goes on":
            write(store, 1)
            link.stir()
            await until(lambda: link.view().acked == 6)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == store.head)
    assert [e.position for e in cloud.held[former]] == list(range(1, 701))
    assert positions(cloud, store) == list(range(1, store.head + 1))
    taken = [b.log_id for b in cloud.batches if b.entries and (b.log_id == former or b.after == 0)]
    assert taken == sorted(taken, key=[former, store.log_id].index)


async def test_a_cloud_that_lost_of_a_former_log_alone_gets_it_again_once_it_speaks_by_its_new_log_of_decisions(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 700)
    former = begin_anew(store)
    write(store, 5)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 5)
        cloud.say(Channel.DECISIONS, Batch(log_id="hq-1", after=0, upto=0, entries=()))
        await until(lambda: link.view().acked == 5 and bool(cloud.acks))
        cloud.held[former] = cloud.held[former][:300]
        cloud.say(Channel.DECISIONS, Batch(log_id="hq-2", after=0, upto=0, entries=()))
        await until(lambda: len(cloud.held[former]) == 700)
        await until(lambda: link.view().acked == 5)
    assert positions(cloud, store) == [1, 2, 3, 4, 5]


async def test_a_former_log_of_which_the_cloud_holds_more_is_done(broker: Broker, store: Store, cloud: Cloud) -> None:
    write(store, 10)
    former = begin_anew(store)
    write(store, 1)
    hold(cloud, former, 50)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 1)
    assert len(cloud.held[former]) == 50


async def test_a_former_log_with_a_gap_is_passed_over_and_kept_for_a_cloud_that_can_take_the_rest(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 10)
    store.save_snapshot(10, "rules", '{"head":10}')
    store.log.trim(6)
    former = begin_anew(store)
    write(store, 1)
    hold(cloud, former, 3)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 1)
        assert "entries 4 to 6 are in neither" in str(link.view().problem)
        assert [log.drained for log in store.closed_logs] == [False]
        hold(cloud, former, 7)
    async with running(link_to(broker, store)) as link:
        await until(lambda: link.view().acked == 1)
        assert link.view().problem is None
    assert [e.position for e in cloud.held[former]] == list(range(1, 11))
    assert [log.drained for log in store.closed_logs] == [True]


async def test_a_cloud_that_lost_what_is_not_kept_here_is_told_and_nothing_is_sent_with_a_gap(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 10)
    store.save_snapshot(10, "rules", '{"head":10}')
    store.log.trim(6)
    hold(cloud, store.log_id, 3)
    async with running(link_to(broker, store)) as link:
        await until(lambda: "entries 4 to 6 are in neither" in str(link.view().problem))
        assert "until then nothing is sent and nothing is removed here" in str(link.view().problem)
        write(store, 1)
        link.stir()
        await until(lambda: link.view().acked == 3)
        assert link.view().backlog == 8
    assert [batch.entries for batch in cloud.batches if batch.entries] == []
    assert positions(cloud, store) == [1, 2, 3]


async def test_it_goes_on_when_a_newer_backup_of_the_cloud_closes_the_gap(
    broker: Broker, store: Store, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.link_up.RESEND_REAL_MS", 100)
    write(store, 10)
    store.save_snapshot(10, "rules", '{"head":10}')
    store.log.trim(6)
    hold(cloud, store.log_id, 3)
    async with running(link_to(broker, store)) as link:
        await until(lambda: "are in neither" in str(link.view().problem))
        hold(cloud, store.log_id, 7)
        await until(lambda: link.view().acked == 10)
        assert link.view().problem is None
    assert positions(cloud, store) == list(range(1, 11))


async def test_a_cloud_that_knows_more_of_the_log_ends_the_daemon_and_the_file_remembers_why(
    broker: Broker, store: Store, cloud: Cloud
) -> None:
    write(store, 2)
    hold(cloud, store.log_id, 8)
    link = link_to(broker, store)
    ended: list[bool] = []
    link.on_outrun = lambda: ended.append(True)
    async with running(link):
        await until(lambda: bool(ended))
    assert store.log.meta(CLOUD_UPTO) == "8"
