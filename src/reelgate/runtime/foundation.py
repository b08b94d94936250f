"""What a gateway stands on: its database, accounts, storage, webhooks and telemetry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from urllib.parse import urljoin

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import sqlite_file
from reelgate.db.kept_references import KeptReferences
from reelgate.db.private_files import warn_if_exposed
from reelgate.db.videos import Videos
from reelgate.domain.api_keys import digest_of
from reelgate.domain.video import Video
from reelgate.errors import StorageFailed
from reelgate.images.kept import SCHEME, ReferenceKeeper
from reelgate.media.keeper import Keeper
from reelgate.media.storage import Storage, open_storage
from reelgate.net.hosts import is_loopback
from reelgate.providers.base import Provider
from reelgate.providers.registry import video_url
from reelgate.runtime.deployment import (
    Deployment,
    check_upstream_is_shared,
    make_folder,
    open_deployment,
)
from reelgate.runtime.signin import with_sign_in
from reelgate.runtime.traces import open_traces
from reelgate.runtime.upstreams import UpstreamAccount, start_providers
from reelgate.runtime.webhooks import open_webhooks
from reelgate.service.callers import Gatekeeper, open_standings
from reelgate.settings import Settings
from reelgate.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Foundation:
    """What both the worker and the use cases stand on."""

    settings: Settings
    deployment: Deployment
    gatekeeper: Gatekeeper
    accounts: Mapping[str, UpstreamAccount]
    providers: dict[str, Provider]
    storage: Storage
    keeper: Keeper | None
    references: ReferenceKeeper
    videos: Videos
    admission: Admission
    telemetry: Telemetry


async def open_foundation(settings: Settings, own_url: str, stack: AsyncExitStack) -> Foundation:
    """Open what a gateway stands on.

    Args:
        settings: as they were read.
        own_url: where the gateway is served.
        stack: closes it all again.

    Raises:
        StorageFailed: the data folder or the database cannot be used.
    """
    make_folder(settings)
    telemetry = await start_telemetry(settings, stack)
    deployment = await stack.enter_async_context(open_deployment(settings))
    settings = await with_sign_in(settings, deployment.database)
    if deployment.database.is_shared:
        check_upstream_is_shared(settings)
    warn_of_readers(settings)
    accounts = await start_providers(
        settings, deployment.database, deployment.upstream_rates, telemetry, stack
    )
    providers = {name: account.provider for name, account in accounts.items()}
    storage = storage_of(settings)
    keeper = start_keeper(settings, storage, stack)
    gatekeeper = await start_gatekeeper(settings, deployment)
    outbox = await stack.enter_async_context(
        open_webhooks(
            settings,
            deployment.database,
            deployment.clock,
            partial(play_url, settings, own_url, providers),
            alone=not deployment.transfers,
            telemetry=telemetry,
        )
    )
    return Foundation(
        settings=settings,
        deployment=deployment,
        gatekeeper=gatekeeper,
        accounts=accounts,
        providers=providers,
        storage=storage,
        keeper=keeper,
        references=start_reference_keeper(settings, storage, deployment, stack),
        videos=Videos(deployment.database, deployment.changes, outbox, telemetry.moved),
        admission=Admission(deployment.database, deployment.queue_up),
        telemetry=telemetry,
    )


async def start_telemetry(settings: Settings, stack: AsyncExitStack) -> Telemetry:
    """What counts, traces, and watches the event loop from now on."""
    telemetry = Telemetry(traces=await stack.enter_async_context(open_traces(settings)))
    watching = asyncio.create_task(telemetry.watch_loop())
    stack.push_async_callback(stopped, watching)
    return telemetry


def storage_of(settings: Settings) -> Storage:
    """Where finished files go.

    Raises:
        StorageFailed: the settings name no storage that can be used.
    """
    try:
        return open_storage(settings.storage)
    except ValueError as error:
        message = f"REELGATE_STORAGE_URL cannot be used: {error}"
        raise StorageFailed(message) from error


def warn_of_readers(settings: Settings) -> None:
    """Log which of the places that hold prompts other users of this machine may read."""
    file = sqlite_file(settings.database)
    if file is not None:
        warn_if_exposed(file.parent, file)
    if file is None or file.parent != settings.data_dir.absolute():
        warn_if_exposed(settings.data_dir)


async def start_gatekeeper(settings: Settings, deployment: Deployment) -> Gatekeeper:
    """What lets callers in, once the settings' own key is kept."""
    keys = ApiKeys(deployment.database)
    secret = settings.bootstrap_key.get_secret_value()
    if secret:
        await keys.bootstrap(digest_of(secret), SystemClock().now())
    open_to = open_standings(is_loopback=is_loopback(settings.host), allow_open=settings.allow_open)
    return Gatekeeper(keys, deployment.rates, SystemClock(), open_to=open_to)


def start_keeper(settings: Settings, storage: Storage, stack: AsyncExitStack) -> Keeper | None:
    """What keeps finished files; None where they stay upstream."""
    if settings.keep == "off":
        return None
    keeper = Keeper(storage, settings.data_dir / "scratch")
    keeper.prepare()
    stack.callback(keeper.close)
    return keeper


def start_reference_keeper(
    settings: Settings, storage: Storage, deployment: Deployment, stack: AsyncExitStack
) -> ReferenceKeeper:
    """What keeps references that a provider takes in the submit itself."""
    rows = KeptReferences(deployment.database, SCHEME)
    keeper = ReferenceKeeper(storage, rows, deployment.clock, settings.data_dir / "scratch")
    stack.callback(keeper.close)
    return keeper


def play_url(settings: Settings, own_url: str, providers: dict[str, Provider], video: Video) -> str:
    """Where a video plays, told to somebody who has not called the gateway."""
    base = settings.public_url or own_url or f"http://{settings.host}:{settings.port}"
    return urljoin(base, video_url(video, providers) or f"/v1/videos/{video.id}/content")


async def stopped(task: asyncio.Task[None]) -> None:
    """Stop a task that would run for ever."""
    task.cancel()
    await asyncio.wait([task])
