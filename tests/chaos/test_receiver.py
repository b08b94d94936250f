"""The webhook receiver of the chaos run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from chaos import receiver as receivers
from chaos.receiver import FAILURES_EACH, Behaviour, Delivery, Receiver
from reelgate.net.secret_keys import decode_secrets
from reelgate.webhooks.sender import Signer

BODY = json.dumps({"type": "video.completed", "data": {"id": "video_1"}}).encode()
MESSAGES = [f"msg_{number}" for number in range(60)]


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr(receivers, "LATE_S", (0.0, 0.0))
    receiver = Receiver(seed=3)
    await receiver.start()
    yield receiver
    await receiver.stop()


async def failures_of(receiver: Receiver, message: str, body: bytes = BODY) -> int:
    """Deliver a message as often as it takes; how often that failed."""
    headers = Signer(decode_secrets(receiver.secret)).headers(message, time.time(), BODY)
    failures = 0
    async with aiohttp.ClientSession() as session:
        while not await delivered(session, receiver.url, headers, body):
            failures += 1
    return failures


async def delivered(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes
) -> bool:
    try:
        async with session.post(url + "/all", data=body, headers=headers) as response:
            return response.status == 204
    except aiohttp.ClientError:
        return False


async def test_it_misbehaves_in_every_way_and_accepts_each_message_soon(
    receiver: Receiver,
) -> None:
    failures = await asyncio.gather(*(failures_of(receiver, message) for message in MESSAGES))
    assert max(failures) == FAILURES_EACH
    assert set(receiver.did) == set(Behaviour)
    assert {one.id for one in receiver.deliveries} == set(MESSAGES)
    assert len(receiver.deliveries) > len(MESSAGES), (
        "no message was accepted and answered with an error"
    )


async def test_it_stores_what_a_message_says(receiver: Receiver) -> None:
    await failures_of(receiver, "msg_1")
    assert receiver.deliveries[-1] == Delivery(
        "/all", "msg_1", "video.completed", "video_1", is_genuine=True
    )


async def test_it_sees_that_the_body_was_changed(receiver: Receiver) -> None:
    await failures_of(receiver, "msg_1", BODY.replace(b"video_1", b"video_2"))
    assert not receiver.deliveries[-1].is_genuine
