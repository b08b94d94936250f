"""Webhooks, put together out of the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from reelgate.clock import Clock
from reelgate.db.database import Database
from reelgate.db.webhook_log import WebhookLog
from reelgate.db.webhooks import Deliveries
from reelgate.domain.video import Video
from reelgate.net.ssrf import open_session
from reelgate.settings import Settings
from reelgate.telemetry.telemetry import Telemetry
from reelgate.webhooks.delivery import Deliverer
from reelgate.webhooks.events import EventOutbox, Events
from reelgate.webhooks.policy import Schedule
from reelgate.webhooks.sender import TIMEOUT_S, Sender, Signer


@asynccontextmanager
async def open_webhooks(
    settings: Settings,
    database: Database,
    clock: Clock,
    play_url: Callable[[Video], str],
    *,
    alone: bool,
    telemetry: Telemetry,
    schedule: Schedule | None = None,
) -> AsyncIterator[EventOutbox | None]:
    """Deliver while the context lasts; yields what notes the events.

    None without a secret: then nothing is noted and nothing is sent.

    Args:
        settings: the secret, the events, the endpoint for all videos.
        database: where the deliveries are.
        clock: the time.
        play_url: where a video plays, for those who know the gateway by no other address.
        alone: whether no other process can be at work on this database.
        telemetry: is told of each attempt.
        schedule: when failed deliveries are tried again.
    """
    if not settings.webhook_keys:
        yield None
        return
    deliveries = Deliveries(database)
    if alone:
        await deliveries.forget_claims()
    events = Events(
        settings.webhook_event_names,
        settings.webhook_url,
        clock,
        play_url,
        tells_corrections=settings.webhook_corrections,
        traceparent_of=telemetry.traceparent_of,
    )
    async with open_session(
        allow_private=settings.webhook_allow_private, timeout_s=TIMEOUT_S
    ) as session:
        sender = Sender(session, Signer(settings.webhook_keys), clock)
        deliverer = Deliverer(
            deliveries, WebhookLog(database), sender, schedule=schedule, telemetry=telemetry
        )
        deliverer.start()
        try:
            yield EventOutbox(events, deliverer.wake)
        finally:
            await deliverer.stop()
