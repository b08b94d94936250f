"""Delivers what is due: one task in each process, many attempts at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

import structlog

from reelgate.db.webhook_log import WebhookLog
from reelgate.db.webhooks import Claimed, Deliveries, DeliveryState, Room
from reelgate.errors import DatabaseAway, InternalError, StorageFailed
from reelgate.telemetry.telemetry import Telemetry
from reelgate.webhooks.policy import Again, Delivered, GivenUp, Schedule, SwitchOff, judge, words_of
from reelgate.webhooks.sender import TIMEOUT_S, Reply, Sender

log = structlog.get_logger()

DAY_S = 86400.0
KEPT_S = {DeliveryState.DELIVERED: 7 * DAY_S, DeliveryState.DEAD: 30 * DAY_S}
"""How long finished deliveries are kept."""


OUTCOMES = {
    Delivered: "delivered",
    Again: "failed",
    GivenUp: "given_up",
    SwitchOff: "switched_off",
}
"""What the metrics call them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, and how long; seconds."""

    at_once: int = 256
    at_once_per_origin: int = 8
    """A server that takes 15 s over each answer holds up nobody else's."""
    lease_s: float = TIMEOUT_S + 15.0
    max_idle_s: float = 10.0
    """What another process or the command line queued is seen within this time."""
    min_idle_s: float = 0.05
    database_pause_s: float = 5.0
    stop_grace_s: float = 3.0
    purge_every_s: float = 3600.0


class Deliverer:
    """Claims deliveries that are due, sends them, and records the results."""

    def __init__(
        self,
        deliveries: Deliveries,
        journal: WebhookLog,
        sender: Sender,
        *,
        schedule: Schedule | None = None,
        limits: Limits | None = None,
        rng: random.Random | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._journal = journal
        self._sender = sender
        self._schedule = schedule or Schedule()
        self._limits = limits or Limits()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._telemetry = telemetry or Telemetry()
        self._woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Claimed] = {}
        self._running: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Something is due now."""
        self._woken.set()

    def start(self) -> None:
        self._running = [asyncio.create_task(self._run()), asyncio.create_task(self._purge())]

    async def stop(self) -> None:
        """Claim nothing more, finish attempts that end soon and release the others."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._finish_attempts()

    async def _finish_attempts(self) -> None:
        if not self._under_way:
            return
        await asyncio.wait(list(self._under_way), timeout=self._limits.stop_grace_s)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(list(left))
            with suppress(StorageFailed):
                await self._deliveries.release(left.values())

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except StorageFailed as error:
                if not isinstance(error, DatabaseAway):
                    log.warning("webhooks_database_failed", error=error.message)
                await asyncio.sleep(self._limits.database_pause_s)
            except Exception:
                log.exception("webhooks_round_failed")
                await asyncio.sleep(self._limits.database_pause_s)

    async def _round(self) -> None:
        self._woken.clear()
        room = self._room()
        claimed = await self._deliveries.claim(room, self._limits.lease_s) if room.in_all else []
        for each in claimed:
            self._begin(each)
        if not claimed:
            await self._idle()

    def _room(self) -> Room:
        under_way = Counter(claimed.message.origin for claimed in self._under_way.values())
        in_all = self._limits.at_once - len(self._under_way)
        return Room(in_all, self._limits.at_once_per_origin, under_way)

    def _begin(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._attempt(claimed))
        self._under_way[task] = claimed
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self.wake()

    async def _idle(self) -> None:
        """Wait until something is due, something is queued, or an attempt has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(await self._idle_s()):
                await self._woken.wait()

    async def _idle_s(self) -> float:
        room = self._room()
        due_s = await self._deliveries.next_due_s(room) if room.in_all else None
        if due_s is None:
            return self._limits.max_idle_s
        return min(max(due_s, self._limits.min_idle_s), self._limits.max_idle_s)

    async def _attempt(self, claimed: Claimed) -> None:
        reply = await self._safe_send(claimed)
        try:
            await self._settle(claimed, reply)
        except StorageFailed as error:
            # It is due again when the lease ends: better twice than never.
            log.warning("webhook_not_recorded", webhook=claimed.message.id, error=error.message)

    async def _safe_send(self, claimed: Claimed) -> Reply:
        """An unexpected exception counts as a failed attempt, or it would be repeated for ever."""
        message = claimed.message
        try:
            with self._telemetry.delivering(
                message.event, message.origin, message.traceparent
            ) as attempt:
                reply = await self._sender.send(message, attempt.headers)
                attempt.status = reply.status
                return reply
        except Exception:
            log.exception("webhook_attempt_failed", webhook=claimed.message.id)
            return Reply(error=str(InternalError()))

    async def _settle(self, claimed: Claimed, reply: Reply) -> None:
        verdict = judge(reply, claimed, self._schedule, self._rng.random())
        log_attempt(claimed, reply, verdict)
        self._telemetry.metrics.webhooks.add(OUTCOMES[type(verdict)])
        error = words_of(reply)
        match verdict:
            case Delivered():
                state, gap_s, off_reason = DeliveryState.DELIVERED, 0.0, None
            case Again():
                state, gap_s, off_reason = DeliveryState.PENDING, verdict.gap_s, None
            case GivenUp():
                state, gap_s, off_reason = DeliveryState.DEAD, 0.0, None
            case SwitchOff():
                state, gap_s, off_reason = DeliveryState.DEAD, 0.0, error
            case _:
                assert_never(verdict)
        await self._deliveries.settle(
            claimed, state, gap_s=gap_s, status=reply.status, error=error, off_reason=off_reason
        )

    async def _purge(self) -> None:
        while True:
            with suppress(StorageFailed):
                await self._journal.purge(KEPT_S)
            await asyncio.sleep(self._limits.purge_every_s)


def log_attempt(claimed: Claimed, reply: Reply, verdict: object) -> None:
    """Log an attempt, with only the origin of the address: paths hold tokens."""
    message = claimed.message
    bound = log.bind(
        webhook=message.id,
        webhook_event=message.event,
        video=message.video_id,
        to=message.origin,
        attempt=claimed.attempts,
    )
    if isinstance(verdict, Delivered):
        bound.info("webhook_delivered", status=reply.status)
    elif isinstance(verdict, Again):
        bound.warning("webhook_failed", error=words_of(reply), again_in_s=round(verdict.gap_s, 1))
    elif isinstance(verdict, SwitchOff):
        bound.error("webhook_endpoint_switched_off", error=words_of(reply))
    else:
        bound.error("webhook_given_up", error=words_of(reply))
