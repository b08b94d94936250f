"""Builds a gateway out of its settings, and takes it down again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urljoin

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission
from reelgate.db.api_keys import ApiKeys
from reelgate.db.backup import sqlite_file
from reelgate.db.durations import Durations
from reelgate.db.gauges import Gauges
from reelgate.db.kept_references import KeptReferences
from reelgate.db.private_files import kept_secret, warn_if_exposed
from reelgate.db.rechecks import Rechecks
from reelgate.db.videos import Videos
from reelgate.domain.api_keys import digest_of
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.routing import VirtualModel, as_model
from reelgate.domain.video import Timeline, Video, VideoRequest
from reelgate.errors import InvalidRequest, ModelNotFound, StorageFailed
from reelgate.http.auth import Context
from reelgate.http.bodies import Bodies
from reelgate.http.keyless import KeylessRules
from reelgate.images.kept import SCHEME, ReferenceKeeper
from reelgate.images.references import open_references
from reelgate.jobs.context import JobContext, Limits, Upstream
from reelgate.jobs.distributions import Distributions
from reelgate.jobs.engine import Engine
from reelgate.jobs.follow_up import FollowUp
from reelgate.jobs.receipts import Receipts, redeem
from reelgate.jobs.routing import Router
from reelgate.jobs.runner import JobRunner
from reelgate.limits.account import AccountLimits
from reelgate.limits.polls import PollLimiter
from reelgate.limits.submits import SubmitLimiter
from reelgate.mcp.endpoint import McpBackend, McpEndpoint
from reelgate.media.keeper import Keeper
from reelgate.media.storage import Storage, open_storage
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
from reelgate.service.callers import NOBODY, Gatekeeper, open_standings
from reelgate.service.estimates import Estimates
from reelgate.service.housekeeping import Housekeeping
from reelgate.service.readiness import Readiness
from reelgate.service.scrape import Scrape
from reelgate.service.videos import Load, Service
from reelgate.settings import Settings
from reelgate.telemetry.loop_lag import watch_loop
from reelgate.telemetry.telemetry import Telemetry

Transfer = Callable[[], Awaitable[None]]
"""Gives every job of this process to others."""

LINKS_FILE = "links.key"
"""The file that signs links to videos where there are no keys, made with the first link."""


@asynccontextmanager
async def open_gateway(settings: Settings, own_url: str = "") -> AsyncIterator[Context]:
    """A running gateway: it runs every unfinished job, whether or not anybody listens.

    `own_url` is where it is served; webhooks link to it where no public address is set.

    Raises:
        StorageFailed: the data folder or the database cannot be used.
    """
    async with AsyncExitStack() as stack:
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
        base = Foundation(
            settings=settings,
            deployment=deployment,
            accounts=accounts,
            providers=providers,
            keeper=keeper,
            references=start_reference_keeper(settings, storage, deployment, stack),
            videos=Videos(deployment.database, deployment.changes, outbox, telemetry.moved),
            admission=Admission(deployment.database, deployment.queue_up),
            telemetry=telemetry,
        )
        work = await start_work(base, gatekeeper, stack)
        readiness = start_readiness(base, work, storage, stack)
        references = await stack.enter_async_context(
            open_references(
                providers,
                base.references,
                SystemClock(),
                allow_private=settings.reference_allow_private,
            )
        )
        mcp = McpEndpoint(McpBackend(work.service, references, settings.mcp_wait_s))
        stack.push_async_callback(mcp.close)
        yield Context(
            service=work.service,
            settings=settings,
            providers=providers,
            stand_ins=frozenset(name for name, account in accounts.items() if account.stands_for),
            storage=storage,
            gatekeeper=gatekeeper,
            bodies=Bodies(
                max_json_bytes=settings.max_body_bytes,
                max_form_bytes=settings.max_upload_bytes,
                max_total_bytes=settings.max_bodies_bytes,
                timeout_s=settings.body_timeout_s,
            ),
            keyless=KeylessRules.of(settings),
            transfer=work.transfer,
            submitting=work.submitting,
            readiness=readiness,
            database=deployment.database,
            secrets_of=partial(secrets_of, settings, gatekeeper),
            telemetry=telemetry,
            scrape=start_scrape(base, stack),
            references=references,
            mcp=mcp,
        )


async def start_telemetry(settings: Settings, stack: AsyncExitStack) -> Telemetry:
    """What counts, traces, and watches the event loop from now on."""
    telemetry = Telemetry(traces=await stack.enter_async_context(open_traces(settings)))
    watching = asyncio.create_task(watch_loop(telemetry.metrics.loop_lag))
    stack.push_async_callback(stopped, watching)
    return telemetry


def start_scrape(base: Foundation, stack: AsyncExitStack) -> Scrape:
    """What tells a scraper everything that was counted, and what the database holds."""
    scrape = Scrape(
        base.telemetry.metrics,
        Gauges(base.deployment.database),
        list(base.providers.values()),
        base.deployment.clock,
    )
    stack.push_async_callback(scrape.close)
    return scrape


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
    file = None if settings.shares_database else sqlite_file(settings.database)
    if file is not None:
        warn_if_exposed(file.parent, file)
    if file is None or file.parent != settings.data_dir.absolute():
        warn_if_exposed(settings.data_dir)


def secrets_of(settings: Settings, gatekeeper: Gatekeeper, owner: str) -> tuple[bytes, ...]:
    """What signs for an owner's links: its key, else a secret of this data folder."""
    if owner == NOBODY:
        return (kept_secret(settings.data_dir / LINKS_FILE),)
    return gatekeeper.secrets_of(owner)


async def start_gatekeeper(settings: Settings, deployment: Deployment) -> Gatekeeper:
    """What lets callers in, once the settings' own key is kept."""
    keys = ApiKeys(deployment.database)
    secret = settings.bootstrap_key.get_secret_value()
    if secret:
        await keys.bootstrap(digest_of(secret), SystemClock().now())
    open_to = open_standings(is_loopback=settings.is_loopback, allow_open=settings.allow_open)
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


@dataclass(frozen=True, slots=True)
class Foundation:
    """What both the worker and the use cases stand on."""

    settings: Settings
    deployment: Deployment
    accounts: Mapping[str, UpstreamAccount]
    providers: dict[str, Provider]
    keeper: Keeper | None
    references: ReferenceKeeper
    videos: Videos
    admission: Admission
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on.

    Attributes:
        service: the use cases.
        load: whether there is too much work.
        upstreams: the accounts, as this process uses them.
        hand_over: gives all jobs to other processes where there are others.
        submitting: how many submits wait for the upstream's answer.
    """

    service: Service
    load: Load
    upstreams: Mapping[str, Upstream]
    transfer: Transfer
    submitting: Callable[[], int]


async def start_work(base: Foundation, gatekeeper: Gatekeeper, stack: AsyncExitStack) -> Work:
    """Set the worker going, first of all on what an earlier process left behind."""
    catalog = catalog_of(base.settings, base.accounts)
    context = job_context(base)
    router = router_of(base, context, catalog)
    context = replace(context, next_target=router.after_refusal)
    worker = JobRunner(context, base.deployment.changes)
    dispatch = await base.deployment.open_engine(worker.run, base.providers, stack)
    load = Load(base.videos, base.deployment.clock, base.settings.max_waiting)
    follow_up = FollowUp(context, dispatch.resume)
    service = service_of(base, catalog, router, dispatch, gatekeeper, load, follow_up)
    if context.receipts is not None:
        await redeem(context.receipts, base.videos)
    await base.deployment.begin(dispatch, base.videos, base.providers)
    stack.push_async_callback(dispatch.stop)
    stack.push_async_callback(worker.stop)
    stack.callback(dispatch.pause)
    stack.push_async_callback(stopped, asyncio.create_task(housekeeping_of(base).run()))
    stack.push_async_callback(stopped, asyncio.create_task(follow_up.run()))

    async def transfer() -> None:
        if base.deployment.transfers:
            dispatch.pause()
            await worker.stop()

    submitting = partial(len, context.sending)
    return Work(service, load, context.upstreams, transfer, submitting)


def start_readiness(
    base: Foundation, work: Work, storage: Storage, stack: AsyncExitStack
) -> Readiness:
    """What knows whether the gateway may be sent work, and tells the log what changes."""

    def full_accounts() -> dict[str, str]:
        closed = {name: up.submit_limiter.closed_because() for name, up in work.upstreams.items()}
        return {name: f"The account {name}: {why}." for name, why in closed.items() if why}

    readiness = Readiness(
        database=base.deployment.database,
        check_storage=nothing_to_check if base.keeper is None else storage.check,
        expiries=[provider.expiry for provider in base.providers.values()],
        load=work.load,
        count_open=work.service.count_open,
        is_closing=lambda: work.service.is_closing,
        full_accounts=full_accounts,
        clock=SystemClock(),
    )
    stack.push_async_callback(readiness.close)
    stack.push_async_callback(stopped, asyncio.create_task(readiness.run()))
    return readiness


async def nothing_to_check() -> None:
    """Files stay upstream."""


def job_context(base: Foundation) -> JobContext:
    """What every job is run with."""
    settings, deployment = base.settings, base.deployment
    upstreams = {name: upstream_of(base, name) for name in base.providers}
    distributions = Distributions(
        Durations(deployment.database),
        deployment.clock,
        {name: upstream.poll_limiter for name, upstream in upstreams.items()},
        units_s={name: account.time_unit_s for name, account in base.accounts.items()},
    )
    limits = Limits(
        submit_attempts=settings.submit_attempts,
        job_timeout_s=settings.job_timeout_s,
        retention_s=settings.retention_s,
        submit_lease_s=deployment.submit_lease_s,
    )
    return JobContext(
        videos=base.videos,
        rechecks=Rechecks(deployment.database, base.videos),
        distributions=distributions,
        providers=base.providers,
        keeper=base.keeper,
        clock=deployment.clock,
        limits=limits,
        upstreams=upstreams,
        receipts=Receipts(settings.data_dir / "receipts"),
        load_references=base.references.load,
        telemetry=base.telemetry,
    )


def upstream_of(base: Foundation, name: str) -> Upstream:
    """One upstream account, as this process uses it."""
    own = base.accounts[name]
    limits = AccountLimits(own.max_in_flight, own.max_submits)
    account = base.deployment.account(name, limits)
    return Upstream(
        account=account,
        submit_limiter=SubmitLimiter(limits.in_flight, limits.submits),
        poll_limiter=PollLimiter(account, base.deployment.clock, own.polls_per_s),
        push_base=push_base(base.settings, is_stand_in=bool(own.stands_for)),
        unit_s=own.time_unit_s,
    )


def push_base(settings: Settings, *, is_stand_in: bool) -> str:
    """Where upstreams may push to: vendors over HTTPS only, and none of them without an address."""
    url = settings.public_url
    return url if url.startswith("https://") or is_stand_in else ""


def router_of(base: Foundation, context: JobContext, catalog: Catalog) -> Router:
    """What chooses among the targets of virtual models."""

    async def expected_s(model: Model, request: VideoRequest) -> float:
        job = Video(
            id="", owner="", request=request, provider=model.provider, timeline=Timeline(0.0)
        )
        return (await context.distributions.of(job, base.providers[model.provider])).mean_s

    return Router(
        catalog,
        base.settings.virtual_models,
        closed_because=lambda account: context.upstreams[account].submit_limiter.closed_because(),
        expected_s=expected_s,
        clock=base.deployment.clock,
    )


def service_of(
    base: Foundation,
    catalog: Catalog,
    router: Router,
    dispatch: Engine,
    gatekeeper: Gatekeeper,
    load: Load,
    follow_up: FollowUp,
) -> Service:
    """The use cases."""
    settings, clock = base.settings, base.deployment.clock
    units_s = {name: account.time_unit_s for name, account in base.accounts.items()}
    return Service(
        catalog=catalog,
        router=router,
        videos=base.videos,
        admission=base.admission,
        changes=base.deployment.changes,
        engine=dispatch,
        providers=base.providers,
        keeper=base.keeper,
        gatekeeper=gatekeeper,
        estimates=Estimates(catalog, base.deployment.database, clock, units_s),
        load=load,
        recheck=follow_up.check,
        clock=clock,
        adopt_window_s=settings.adopt_window_s,
        telemetry=base.telemetry,
    )


def catalog_of(settings: Settings, accounts: Mapping[str, UpstreamAccount]) -> Catalog:
    """Every account's models, and the aliases."""
    models = [model for account in accounts.values() for model in account.provider.models]
    aliases = settings.model_aliases
    if "aliases" not in settings.model_fields_set:
        ids = {model.id for model in models}
        aliases = {alias: target for alias, target in aliases.items() if target in ids}
    stands_for = {name: account.stands_for for name, account in accounts.items()}
    real = Catalog(models, stands_for=stands_for)
    virtual = [virtual_model_in(real, each) for each in settings.virtual_models.values()]
    return Catalog(
        [*models, *virtual], aliases, stands_for=stands_for, default=settings.default_model
    )


def virtual_model_in(catalog: Catalog, virtual: VirtualModel) -> Model:
    """A virtual model over the models there are.

    Raises:
        InvalidRequest: one of its targets is none, or could be several, or a model has its name.
    """
    if virtual.name in {model.id for model in catalog.models()}:
        message = f"the virtual model {virtual.name} has the name of a model: give it another"
        raise InvalidRequest(message)
    try:
        return as_model(virtual, [catalog.find(each.model) for each in virtual.targets])
    except (InvalidRequest, ModelNotFound, ValueError) as error:
        message = f"the virtual model {virtual.name}: {error}"
        raise InvalidRequest(message) from error


def housekeeping_of(base: Foundation) -> Housekeeping:
    """What removes what has lived its time."""
    return Housekeeping(
        base.videos,
        base.admission,
        Durations(base.deployment.database),
        base.keeper,
        base.references,
        base.deployment.clock,
        max_age_s=base.settings.retention_s,
        max_total_bytes=base.settings.max_storage_bytes or None,
    )


def play_url(settings: Settings, own_url: str, providers: dict[str, Provider], video: Video) -> str:
    """Where a video plays, told to somebody who has not called the gateway."""
    base = settings.public_url or own_url or f"http://{settings.host}:{settings.port}"
    return urljoin(base, video_url(video, providers) or f"/v1/videos/{video.id}/content")


async def stopped(task: asyncio.Task[None]) -> None:
    """Stop a task that would run for ever."""
    task.cancel()
    await asyncio.wait([task])
