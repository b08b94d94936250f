"""Builds a gateway out of its settings, and takes it down again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

import structlog

from reelgate.catalog import Catalog
from reelgate.clock import SystemClock
from reelgate.deployment import Deployment, open_deployment
from reelgate.errors import UpstreamUnauthorized
from reelgate.gatekeeper import Gatekeeper
from reelgate.housekeeping import Housekeeping
from reelgate.http.context import Context
from reelgate.load import Load
from reelgate.media.keep import Keeper
from reelgate.media.storage import Storage, open_storage
from reelgate.providers.base import Provider
from reelgate.providers.http import HttpClient
from reelgate.providers.imagine.build import build_sandboxed
from reelgate.providers.links import video_url
from reelgate.providers.registry import build_providers
from reelgate.references import open_references
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.service import Service
from reelgate.settings import Settings
from reelgate.store.admission import Admission
from reelgate.store.api_keys import ApiKeys
from reelgate.store.durations import Durations
from reelgate.store.videos import Outbox, Videos
from reelgate.video import Video
from reelgate.webhooks.build import open_webhooks
from reelgate.worker import Limits, Tools, Worker
from reelgate.worker.laws import Laws
from reelgate.worker.turnstile import Turnstile

log = structlog.get_logger()

SANDBOX_PATH = "/sandbox/processed"
"""Where the gateway passes the sandbox's videos through."""


@asynccontextmanager
async def open_gateway(settings: Settings, own_url: str = "") -> AsyncIterator[Context]:
    """A running gateway: it carries every unfinished job, whether or not anybody listens.

    `own_url` is where it is served; webhooks link to it where no public address is set.

    Raises:
        StorageFailed: the data folder or the database cannot be used.
    """
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        deployment = await stack.enter_async_context(open_deployment(settings))
        providers = await start_providers(settings, stack)
        storage = open_storage(settings.storage)
        keeper = start_keeper(settings, storage, stack)
        gatekeeper = Gatekeeper(
            ApiKeys(deployment.database),
            SystemClock(),
            open_without_keys=settings.is_loopback or settings.allow_open,
        )
        outbox = await stack.enter_async_context(
            open_webhooks(
                settings,
                deployment.database,
                deployment.clock,
                partial(play_url, settings, own_url, providers),
                alone=not deployment.hands_over,
            )
        )
        service, hand_over = await start_engine(
            settings, deployment, providers, keeper, gatekeeper, outbox, stack
        )
        yield Context(
            service=service,
            settings=settings,
            provider=next(iter(providers.values())),
            storage=storage,
            gatekeeper=gatekeeper,
            hand_over=hand_over,
            references=await stack.enter_async_context(
                open_references(
                    providers, SystemClock(), allow_private=settings.reference_allow_private
                )
            ),
        )


def start_keeper(settings: Settings, storage: Storage, stack: AsyncExitStack) -> Keeper | None:
    """What keeps finished files; None where they stay upstream."""
    if settings.keep == "off":
        return None
    keeper = Keeper(storage, settings.data_dir / "scratch")
    keeper.prepare()
    stack.callback(keeper.close)
    return keeper


async def start_providers(settings: Settings, stack: AsyncExitStack) -> dict[str, Provider]:
    """The upstreams that the settings name, or the sandbox where they name none."""
    clock = SystemClock()
    http = await stack.enter_async_context(HttpClient(clock=clock))
    if not settings.uses_sandbox:
        return build_providers(http, settings, clock)
    if settings.sandbox == "off":
        message = "IMAGINE_TOKEN is empty, and REELGATE_SANDBOX=off: there is nobody to make videos"
        raise UpstreamUnauthorized(message)
    log.info("sandbox", note="no IMAGINE_TOKEN: videos are made by the sandbox, not for real")
    provider = build_sandboxed(
        http,
        clock,
        sandbox_url=settings.sandbox_url or await start_sandbox(settings, stack),
        speed=settings.sandbox_speed,
        public_asset_url=SANDBOX_PATH,
    )
    return {provider.name: provider}


async def start_sandbox(settings: Settings, stack: AsyncExitStack) -> str:
    """A sandbox inside this process; returns its address."""
    sandbox = await stack.enter_async_context(Sandbox(sandbox_options(settings)))
    return sandbox.url


def sandbox_options(settings: Settings) -> SandboxOptions:
    """A sandbox that survives a restart together with the gateway's jobs."""
    folder: Path = settings.data_dir / "sandbox"
    return SandboxOptions(speed=settings.sandbox_speed, data_dir=folder)


async def start_engine(
    settings: Settings,
    deployment: Deployment,
    providers: dict[str, Provider],
    keeper: Keeper | None,
    gatekeeper: Gatekeeper,
    outbox: Outbox | None,
    stack: AsyncExitStack,
) -> tuple[Service, Callable[[], Awaitable[None]]]:
    """Set the worker going, first of all on what an earlier process left behind.

    Returns:
        The use cases, and what gives all jobs to other processes where there are others.
    """
    clock, changes, database = deployment.clock, deployment.changes, deployment.database
    videos = Videos(database, changes, outbox)
    limits = Limits(
        submit_attempts=settings.submit_attempts,
        job_timeout_s=settings.job_timeout_s,
        retention_s=settings.retention_s,
        submit_lease_s=deployment.submit_lease_s,
    )
    laws = Laws(
        Durations(database),
        clock,
        looks_per_s=settings.looks_per_s,
        unit_s=settings.time_unit_s,
    )
    tools = Tools(
        videos=videos,
        laws=laws,
        providers=providers,
        keeper=keeper,
        clock=clock,
        limits=limits,
        turnstiles={
            name: Turnstile(settings.max_in_flight, settings.max_submits) for name in providers
        },
    )
    worker = Worker(tools, changes)
    admission = Admission(database, deployment.queue_up)
    dispatch = await deployment.open_dispatch(worker.carry, providers, stack)
    service = Service(
        catalog=Catalog(
            (model for provider in providers.values() for model in provider.models),
            settings.model_aliases,
        ),
        videos=videos,
        admission=admission,
        changes=changes,
        dispatch=dispatch,
        providers=providers,
        keeper=keeper,
        gatekeeper=gatekeeper,
        load=Load(videos, clock, settings.max_waiting),
        clock=clock,
        adopt_window_s=settings.adopt_window_s,
    )
    await deployment.begin(dispatch, videos, providers)
    stack.push_async_callback(dispatch.stop)
    stack.push_async_callback(worker.stop)
    stack.callback(dispatch.pause)
    housekeeping = Housekeeping(
        videos,
        admission,
        keeper,
        clock,
        max_age_s=settings.retention_s,
        max_total_bytes=settings.max_storage_bytes or None,
    )
    stack.push_async_callback(stopped, asyncio.create_task(housekeeping.run()))

    async def hand_over() -> None:
        if deployment.hands_over:
            dispatch.pause()
            await worker.stop()

    return service, hand_over


def play_url(settings: Settings, own_url: str, providers: dict[str, Provider], video: Video) -> str:
    """Where a video plays, told to somebody who has not called the gateway."""
    base = settings.public_url or own_url or f"http://{settings.host}:{settings.port}"
    return urljoin(base, video_url(video, providers) or f"/v1/videos/{video.id}/content")


async def stopped(task: asyncio.Task[None]) -> None:
    """Stop a task that would run for ever."""
    task.cancel()
    await asyncio.wait([task])
