"""The endpoint that is told by webhooks: it checks, notes, and misbehaves as endpoints do."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import secrets
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

FOR_ALL = "/all"
"""Where the gateways tell of every video."""
FAILURES_EACH = 2
"""How often one message is refused on purpose: the next retry would come after half a minute."""


class Mood(Enum):
    """What the endpoint does with an attempt."""

    TAKES = "taken"  # noted and acknowledged
    TAKES_LATE = "taken, acknowledged late"  # noted; the sender waits, and may die meanwhile
    LOSES_ANSWER = "taken, and the connection cut"  # noted, but the sender cannot know
    REGRETS = "taken, and answered 500"  # noted, but the sender is told otherwise
    REFUSES = "answered 500"  # not noted
    HANGS_UP = "connection cut"  # not noted


MOODS = {
    Mood.TAKES: 60,
    Mood.TAKES_LATE: 10,
    Mood.LOSES_ANSWER: 8,
    Mood.REGRETS: 7,
    Mood.REFUSES: 8,
    Mood.HANGS_UP: 7,
}
GOOD = frozenset({Mood.TAKES, Mood.TAKES_LATE})
UNHEARD = frozenset({Mood.REFUSES, Mood.HANGS_UP})
LATE_S = (0.5, 3.0)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that arrived and was noted: at which path, its id, and what it tells."""

    path: str
    id: str
    event: str
    video: str
    is_genuine: bool


class Receiver:
    """Listens on a port of its own; `arrivals` stand in the order in which they came."""

    def __init__(self, seed: int) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.arrivals: list[Arrival] = []
        self.did: Counter[Mood] = Counter()
        self.url = ""
        self._verifier = Webhook(self.secret)
        self._dice = random.Random(seed)
        self._failures: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = request.headers.get("webhook-id", "")
        mood = self._mood(message)
        self.did[mood] += 1
        if mood not in UNHEARD:
            self.arrivals.append(self._arrival(request, body))
        match mood:
            case Mood.TAKES:
                pass
            case Mood.TAKES_LATE:
                await asyncio.sleep(self._dice.uniform(*LATE_S))
            case Mood.LOSES_ANSWER | Mood.HANGS_UP:
                if request.transport is not None:
                    request.transport.close()
            case Mood.REGRETS | Mood.REFUSES:
                return web.Response(status=500)
            case _:
                assert_never(mood)
        return web.Response(status=204)

    def _mood(self, message: str) -> Mood:
        """Every message is taken in the end, and soon enough for a run to wait for it."""
        (mood,) = self._dice.choices(list(MOODS), list(MOODS.values()))
        if mood in GOOD:
            return mood
        self._failures[message] += 1
        return mood if self._failures[message] <= FAILURES_EACH else Mood.TAKES

    def _arrival(self, request: web.Request, body: bytes) -> Arrival:
        told = json.loads(body)
        return Arrival(
            path=request.path,
            id=request.headers.get("webhook-id", ""),
            event=told["type"],
            video=told["data"]["id"],
            is_genuine=self._is_genuine(request, body),
        )

    def _is_genuine(self, request: web.Request, body: bytes) -> bool:
        try:
            self._verifier.verify(body, dict(request.headers))
        except WebhookVerificationError:
            return False
        return True
