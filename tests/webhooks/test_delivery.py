"""Deliveries from the queue to real receivers, on either database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from reelgate.clock import SystemClock
from reelgate.db.database import Database
from reelgate.db.webhooks import Claimed, Deliveries, DeliveryState, Message, Room, add
from reelgate.errors import StorageFailed
from reelgate.webhooks.delivery import Limits
from reelgate.webhooks.policy import Schedule
from reelgate.webhooks.sender import Reply, Sender, Signer

from .conftest import opened
from .receivers import Post, Receiver, a_message, a_post, a_receiver, never, says, verified

EMPTY = Room(in_all=100, per_origin=100, under_way={})


async def test_an_event_arrives_signed_by_a_plain_post(post: Post, receiver: Receiver) -> None:
    sent = await post.put(receiver.url)
    (got,) = await receiver.has(1)
    assert verified(got)["data"] == {"id": "video_1"}
    assert got.id == sent
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("reelgate/")
    done = await post.stands(sent, "delivered")
    assert (done.attempts, done.status, done.error) == (1, 204, None)


async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_body(
    post: Post, receiver: Receiver
) -> None:
    receiver.answers += [says(500), says(302, Location="http://127.0.0.1:1/elsewhere")]
    sent = await post.put(receiver.url)
    got = await receiver.has(3)
    assert {each.id for each in got} == {sent}
    assert len({each.text for each in got}) == 1
    assert [verified(each)["type"] for each in got] == ["video.completed"] * 3
    assert (await post.stands(sent, "delivered")).attempts == 3


async def test_the_gaps_between_the_attempts_are_the_schedules(database: Database) -> None:
    gaps_s = (0.05, 0.2, 0.4)
    async with (
        a_receiver(says(500), says(500), says(500)) as receiver,
        a_post(database, schedule=Schedule(gaps_s=gaps_s, jitter=0.0)) as post,
    ):
        await post.put(receiver.url)
        got = await receiver.has(4)
    seen = [after.at_s - before.at_s for before, after in pairwise(got)]
    for gap_s, planned_s in zip(seen, gaps_s, strict=True):
        assert planned_s - 0.001 <= gap_s <= planned_s + 2.0


async def test_what_is_given_up_stays_and_can_be_sent_again(post: Post, receiver: Receiver) -> None:
    receiver.answers += [says(500)] * 4
    sent = await post.put(receiver.url)
    dead = await post.stands(sent, "dead")
    assert (dead.attempts, dead.error) == (4, "the endpoint answered HTTP 500")
    assert await post.log.redeliver([sent, "msg_unknown"]) == [sent]
    post.deliverer.wake()
    done = await post.stands(sent, "delivered")
    assert (done.attempts, done.error) == (5, None)
    assert {each.id for each in receiver.got} == {sent}


async def test_a_videos_events_arrive_in_order_although_the_first_fails(
    either: Database, receiver: Receiver
) -> None:
    async with a_post(either) as post:
        receiver.answers += [says(503), says(503)]
        await post.put(receiver.url, "video.in_progress")
        await post.put(receiver.url, "video.completed")
        got = await receiver.has(4)
        assert [each.type for each in got] == [
            "video.in_progress",
            "video.in_progress",
            "video.in_progress",
            "video.completed",
        ]


async def test_one_videos_failing_event_does_not_hold_up_another_video(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers += [says(500)]
    async with a_post(database, schedule=Schedule(gaps_s=(60.0,))) as post:
        first = await post.put(receiver.url, video="video_1")
        await receiver.has(1)
        await post.put(receiver.url, video="video_2")
        got = await receiver.has(2)
        assert got[1].body["data"] == {"id": "video_2"}
        assert (await post.find(first)).state.value == "pending"


async def test_410_switches_the_endpoint_off_until_somebody_switches_it_on(
    either: Database, receiver: Receiver
) -> None:
    async with a_post(either) as post:
        receiver.answers += [says(410)]
        refused = await post.put(receiver.url, video="video_1")
        await post.stands(refused, "dead")
        (off,) = await post.log.switched_off()
        assert (off.url, off.reason) == (receiver.url, "the endpoint answered HTTP 410")
        buried = await post.put(receiver.url, video="video_2")
        assert (await post.stands(buried, "dead")).error == "the endpoint is switched off"
        assert len(receiver.got) == 1
        assert await post.log.enable(receiver.url)
        assert not await post.log.enable(receiver.url)
        await post.log.redeliver(url=receiver.url)
        post.deliverer.wake()
        await post.stands(buried, "delivered")
        await post.stands(refused, "delivered")


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_for(post: Post, receiver: Receiver, status: int) -> None:
    receiver.answers += [says(status, **{"Retry-After": "1"})]
    await post.put(receiver.url)
    first, second = await receiver.has(2)
    assert second.at_s - first.at_s >= 0.95


async def test_a_redirect_is_not_followed(post: Post, receiver: Receiver) -> None:
    async with a_receiver() as elsewhere:
        receiver.answers += [says(307, Location=elsewhere.url)] * 4
        sent = await post.put(receiver.url)
        dead = await post.stands(sent, "dead")
        assert dead.error == "the endpoint answered HTTP 307"
        assert elsewhere.got == []


async def test_an_endpoint_that_does_not_answer_is_given_so_long_and_no_longer(
    database: Database,
) -> None:
    async with (
        a_receiver(never, never, never, never) as receiver,
        a_post(database, timeout_s=0.2) as post,
    ):
        sent = await post.put(receiver.url)
        dead = await post.stands(sent, "dead")
    assert dead.status is None
    assert "in time" in (dead.error or "")


async def test_an_answer_counts_by_its_head_however_long_its_body_takes(
    database: Database, receiver: Receiver
) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"thanks")
        return await never(request)

    receiver.answers.append(endless)
    async with a_post(database, timeout_s=30.0) as post:
        began_s = time.monotonic()
        await post.stands(await post.put(receiver.url), "delivered")
        assert time.monotonic() - began_s < 10


async def test_a_slow_endpoint_holds_up_nobody_else(either: Database) -> None:
    limits = Limits(at_once=32, at_once_per_origin=4, stop_grace_s=0.1)
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(a_receiver(*[never] * 100))
        quick = await stack.enter_async_context(a_receiver())
        post = await stack.enter_async_context(a_post(either, timeout_s=30.0, limits=limits))
        for number in range(50):
            await post.put(slow.url, video=f"video_slow_{number}")
        await slow.has(4)
        for number in range(50):
            await post.put(quick.url, video=f"video_quick_{number}")
        await quick.has(50)
        assert len(slow.got) == 4


async def test_one_server_under_many_addresses_counts_as_one_endpoint(database: Database) -> None:
    limits = Limits(at_once_per_origin=3, stop_grace_s=0.1)
    async with (
        a_receiver(*[never] * 100) as slow,
        a_receiver() as quick,
        a_post(database, timeout_s=30.0, limits=limits) as post,
    ):
        for number in range(20):
            await post.put(f"{slow.url}?id={number}", video=f"video_{number}")
        await slow.has(3)
        await post.put(quick.url)
        await quick.has(1)
        assert len(slow.got) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::1]"])
async def test_a_private_target_is_refused_where_it_is_connected_to(
    database: Database, receiver: Receiver, host: str
) -> None:
    port = receiver.url.rsplit(":", 1)[1]
    async with a_post(database, allow_private=False) as post:
        dead = await post.stands(await post.put(f"http://{host}:{port}"), "dead")
    assert dead.error == "the address lies in a private or reserved network"
    assert dead.attempts == 1
    assert receiver.got == []


def test_under_uvloop_as_well_a_private_target_is_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        async with opened(f"sqlite:///{tmp_path}/reelgate.sqlite") as database:
            async with a_receiver() as receiver, a_post(database, allow_private=False) as post:
                sent = await post.put(receiver.url.replace("127.0.0.1", "localhost"))
                dead = await post.stands(sent, "dead")
            assert dead.error == "the address lies in a private or reserved network"
            assert receiver.got == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attempt())


async def test_what_a_dead_process_had_claimed_is_delivered_when_its_lease_ends(
    either: Database, receiver: Receiver
) -> None:
    message = a_message(receiver.url)
    await either.write(lambda connection: add(connection, [message]))
    (claimed,) = await Deliveries(either).claim(EMPTY, lease_s=0.5)
    assert await Deliveries(either).claim(EMPTY, lease_s=0.5) == []
    assert claimed.message == message
    async with a_post(either) as post:
        assert (await post.stands(message.id, "delivered")).attempts == 2


async def test_a_claim_that_was_overtaken_settles_nothing(
    either: Database, receiver: Receiver
) -> None:
    message = a_message(receiver.url)
    await either.write(lambda connection: add(connection, [message]))
    deliveries = Deliveries(either)
    (old,) = await deliveries.claim(EMPTY, lease_s=0.0)
    (new,) = await deliveries.claim(EMPTY, lease_s=60.0)
    await deliveries.settle(old, DeliveryState.DEAD)
    await deliveries.release([old])
    assert await deliveries.claim(EMPTY, lease_s=60.0) == []
    await deliveries.release([new])
    assert len(await deliveries.claim(EMPTY, lease_s=60.0)) == 1


async def test_many_deliverers_on_one_database_send_each_event_once(either: Database) -> None:
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(a_receiver())
        posts = [await stack.enter_async_context(a_post(either)) for _ in range(4)]
        sent = [
            await posts[number % 4].put(receiver.url, video=f"video_{number}")
            for number in range(80)
        ]
        for message_id in sent:
            await posts[0].stands(message_id, "delivered")
        assert sorted(each.id for each in receiver.got) == sorted(sent)


async def test_a_stop_hands_back_what_has_no_answer_yet(either: Database) -> None:
    async with a_receiver(never) as receiver:
        async with a_post(either, timeout_s=30.0) as post:
            sent = await post.put(receiver.url)
            await receiver.has(1)
        async with a_post(either) as post:
            assert (await post.stands(sent, "delivered")).attempts == 2


async def test_what_was_delivered_is_forgotten_after_a_while_and_what_waits_is_not(
    either: Database, receiver: Receiver
) -> None:
    async with a_post(either) as post:
        done = await post.put(receiver.url, video="video_1")
        await post.stands(done, "delivered")
    await either.write(lambda connection: add(connection, [a_message("http://127.0.0.1:1/")]))
    await post.log.purge({DeliveryState.DELIVERED: -1.0, DeliveryState.DEAD: -1.0})
    assert [each.state.value for each in await post.log.page(limit=10)] == ["pending"]


async def test_a_database_that_fails_for_a_while_costs_time_only(
    database: Database, receiver: Receiver
) -> None:
    class Failing(Deliveries):
        left = 2

        async def claim(self, room: Room, lease_s: float) -> list[Claimed]:
            if self.left:
                self.left -= 1
                raise StorageFailed
            return await super().claim(room, lease_s)

    async with a_post(database, limits=Limits(database_pause_s=0.01)) as post:
        post.deliverer._deliveries = Failing(database)
        await post.stands(await post.put(receiver.url), "delivered")
    assert len(receiver.got) == 1


async def test_a_mistake_of_our_own_counts_as_a_failure_and_ends_with_the_schedule(
    database: Database,
) -> None:
    class Mistaken(Sender):
        async def send(self, message: Message, more: Mapping[str, str] | None = None) -> Reply:
            raise KeyError(message.id, more)

    async with a_post(database) as post:
        post.deliverer._sender = Mistaken(
            post.deliverer._sender._session, Signer(()), SystemClock()
        )
        dead = await post.stands(await post.put("http://127.0.0.1:1/"), "dead")
    assert dead.attempts == 4
    assert "mistake" in (dead.error or "")


async def test_a_process_that_is_alone_need_not_wait_for_a_dead_ones_lease(
    database: Database,
) -> None:
    await database.write(lambda connection: add(connection, [a_message("http://127.0.0.1:1/")]))
    deliveries = Deliveries(database)
    await deliveries.claim(EMPTY, lease_s=60.0)
    await deliveries.forget_claims()
    assert len(await deliveries.claim(EMPTY, lease_s=60.0)) == 1
