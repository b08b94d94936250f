"""What the tests of webhooks share: receivers that are real servers, and deliverers."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from reelgate.clock import SystemClock
from reelgate.db.database import Database
from reelgate.db.webhook_log import Delivery, WebhookLog
from reelgate.db.webhooks import Deliveries, Message, add
from reelgate.net.secret_keys import decode_secrets
from reelgate.net.ssrf import open_session
from reelgate.webhooks.delivery import Deliverer, Limits
from reelgate.webhooks.events import new_message_id, origin_of
from reelgate.webhooks.policy import Schedule
from reelgate.webhooks.sender import Sender, Signer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
OTHER_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
QUICK = Schedule(gaps_s=(0.05, 0.05, 0.1), jitter=0.1)
GIVE_UP_S = 100.0
PAUSE_S = 0.01

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Received:
    """One attempt, as it arrived."""

    path: str
    headers: dict[str, str]
    text: str
    at_s: float

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(self.body["type"])


@dataclass
class Receiver:
    """An endpoint: keeps what it was sent and answers as it is told, at last always with 204."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    got: list[Received] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Received(request.path, headers, text, time.monotonic()))
        if self.answers:
            return await self.answers.pop(0)(request)
        return web.Response(status=204)

    async def has(self, count: int) -> list[Received]:
        """What arrived, once so much has."""
        await until(lambda: len(self.got) >= count)
        return self.got


def says(status: int, **headers: str) -> Answer:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


async def never(_request: web.BaseRequest) -> web.StreamResponse:
    """No answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def a_receiver(*answers: Answer, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    receiver = Receiver(answers=list(answers))
    runner = web.ServerRunner(web.Server(receiver.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Post:
    """A deliverer at work, and the books it keeps."""

    database: Database
    log: WebhookLog
    deliverer: Deliverer

    async def put(self, url: str, event: str = "video.completed", video: str = "video_1") -> str:
        """Queue an event; returns its id."""
        message = a_message(url, event, video)
        await self.database.write(lambda connection: add(connection, [message]))
        self.deliverer.wake()
        return message.id

    async def find(self, message_id: str) -> Delivery:
        (found,) = [
            each for each in await self.log.page(limit=1000) if each.message.id == message_id
        ]
        return found

    async def stands(self, message_id: str, state: str) -> Delivery:
        """The delivery, once it stands so."""
        await until_asked(lambda: self._is(message_id, state))
        return await self.find(message_id)

    async def _is(self, message_id: str, state: str) -> bool:
        return (await self.find(message_id)).state.value == state


def a_message(url: str, event: str = "video.completed", video: str = "video_1") -> Message:
    body = json.dumps({"type": event, "timestamp": "2026-01-01T00:00:00Z", "data": {"id": video}})
    return Message(new_message_id(), video, event, url, origin_of(url), body)


@asynccontextmanager
async def a_post(
    database: Database,
    *,
    allow_private: bool = True,
    schedule: Schedule = QUICK,
    timeout_s: float = 2.0,
    limits: Limits | None = None,
) -> AsyncIterator[Post]:
    """A deliverer with a short schedule."""
    async with open_session(allow_private=allow_private, timeout_s=timeout_s) as session:
        log = WebhookLog(database)
        deliverer = Deliverer(
            Deliveries(database),
            log,
            Sender(session, Signer(decode_secrets(SECRET)), SystemClock()),
            schedule=schedule,
            limits=limits or Limits(stop_grace_s=0.1),
            rng=random.Random(1),
        )
        deliverer.start()
        try:
            yield Post(database, log, deliverer)
        finally:
            await deliverer.stop()


def verified(received: Received, secret: str = SECRET) -> dict[str, Any]:
    """The body, if the reference library accepts the signature."""
    return dict(Webhook(secret).verify(received.text, received.headers))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""

    async def asked() -> bool:
        return condition()

    await until_asked(asked)


async def until_asked(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that must be asked for."""
    deadline = time.monotonic() + GIVE_UP_S
    while not await condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(PAUSE_S)
