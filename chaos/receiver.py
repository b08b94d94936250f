"""A webhook receiver that verifies and stores messages, and misbehaves as receivers do."""

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

ALL_EVENTS_PATH = "/all"
"""Where the gateways send the events of every video."""
FAILURES_EACH = 2
"""How often one message is refused on purpose: the next retry would come after half a minute."""


class Behaviour(Enum):
    """What the receiver does with an attempt."""

    ACCEPTS = "accepted"  # stored and acknowledged
    ACCEPTS_LATE = "accepted, acknowledged late"  # stored; the sender may be killed meanwhile
    ACCEPTS_AND_DISCONNECTS = "accepted, and the connection cut"  # stored
    ACCEPTS_AND_ANSWERS_500 = "accepted, and answered 500"  # stored
    ANSWERS_500 = "answered 500"  # not stored
    DISCONNECTS = "connection cut"  # not stored


WEIGHTS = {
    Behaviour.ACCEPTS: 60,
    Behaviour.ACCEPTS_LATE: 10,
    Behaviour.ACCEPTS_AND_DISCONNECTS: 8,
    Behaviour.ACCEPTS_AND_ANSWERS_500: 7,
    Behaviour.ANSWERS_500: 8,
    Behaviour.DISCONNECTS: 7,
}
ACCEPTING = frozenset({Behaviour.ACCEPTS, Behaviour.ACCEPTS_LATE})
NOT_STORED = frozenset({Behaviour.ANSWERS_500, Behaviour.DISCONNECTS})
LATE_S = (0.5, 3.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was stored: its path, its id and what it says."""

    path: str
    id: str
    event: str
    video: str
    is_genuine: bool


class Receiver:
    """Listens on a port of its own; `deliveries` stand in the order in which they came."""

    def __init__(self, seed: int) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.deliveries: list[Delivery] = []
        self.did: Counter[Behaviour] = Counter()
        self.url = ""
        self._verifier = Webhook(self.secret)
        self._rng = random.Random(seed)
        self._failures: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = request.headers.get("webhook-id", "")
        behaviour = self._next_behaviour(message)
        self.did[behaviour] += 1
        if behaviour not in NOT_STORED:
            self.deliveries.append(self._delivery(request, body))
        match behaviour:
            case Behaviour.ACCEPTS:
                pass
            case Behaviour.ACCEPTS_LATE:
                await asyncio.sleep(self._rng.uniform(*LATE_S))
            case Behaviour.ACCEPTS_AND_DISCONNECTS | Behaviour.DISCONNECTS:
                if request.transport is not None:
                    request.transport.close()
            case Behaviour.ACCEPTS_AND_ANSWERS_500 | Behaviour.ANSWERS_500:
                return web.Response(status=500)
            case _:
                assert_never(behaviour)
        return web.Response(status=204)

    def _next_behaviour(self, message: str) -> Behaviour:
        """A message fails a few times at most, so that a run need not wait long for it."""
        (behaviour,) = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if behaviour in ACCEPTING:
            return behaviour
        self._failures[message] += 1
        return behaviour if self._failures[message] <= FAILURES_EACH else Behaviour.ACCEPTS

    def _delivery(self, request: web.Request, body: bytes) -> Delivery:
        told = json.loads(body)
        return Delivery(
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
