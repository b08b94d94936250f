"""Builds a gateway on its foundation, and takes it down again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from reelgate.clock import SystemClock
from reelgate.db.durations import Durations
from reelgate.db.gauges import Gauges
from reelgate.db.private_files import kept_secret
from reelgate.db.rechecks import Rechecks
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.routing import VirtualModel, as_model
from reelgate.domain.video import Timeline, Video, VideoRequest
from reelgate.errors import InvalidRequest, ModelNotFound
from reelgate.http.auth import Context
from reelgate.http.bodies import Bodies
from reelgate.http.keyless import KeylessRules
from reelgate.http.proxies import TrustedProxies
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
from reelgate.net.hosts import networks_of
from reelgate.runtime.foundation import Foundation, open_foundation, stopped
from reelgate.runtime.upstreams import UpstreamAccount
from reelgate.service.callers import NOBODY, Gatekeeper
from reelgate.service.estimates import Estimates
from reelgate.service.housekeeping import Housekeeping
from reelgate.service.readiness import Readiness
from reelgate.service.scrape import Scrape
from reelgate.service.videos import Load, Service
from reelgate.settings import Settings, split

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
        base = await open_foundation(settings, own_url, stack)
        settings = base.settings
        work = await start_work(base, stack)
        readiness = start_readiness(base, work, stack)
        references = await stack.enter_async_context(
            open_references(
                base.providers,
                base.references,
                SystemClock(),
                allow_private=settings.reference_allow_private,
            )
        )
        mcp = McpEndpoint(
            McpBackend(work.service, references, base.gatekeeper.require, settings.mcp_wait_s)
        )
        stack.push_async_callback(mcp.close)
        yield Context(
            service=work.service,
            settings=settings,
            providers=base.providers,
            stand_ins=frozenset(name for name, own in base.accounts.items() if own.stands_for),
            storage=base.storage,
            gatekeeper=base.gatekeeper,
            bodies=bodies_of(settings),
            keyless=KeylessRules.of(settings),
            proxies=TrustedProxies(networks_of(split(settings.trusted_proxies))),
            transfer=work.transfer,
            submitting=work.submitting,
            readiness=readiness,
            database=base.deployment.database,
            secrets_of=partial(secrets_of, settings, base.gatekeeper),
            telemetry=base.telemetry,
            scrape=start_scrape(base, stack),
            references=references,
            mcp=mcp,
        )


def bodies_of(settings: Settings) -> Bodies:
    """What reads request bodies, within their limits."""
    return Bodies(
        max_json_bytes=settings.max_body_bytes,
        max_form_bytes=settings.max_upload_bytes,
        max_total_bytes=settings.max_bodies_bytes,
        timeout_s=settings.body_timeout_s,
    )


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


def secrets_of(settings: Settings, gatekeeper: Gatekeeper, owner: str) -> tuple[bytes, ...]:
    """What signs for an owner's links: its key, else a secret of this data folder."""
    if owner == NOBODY:
        return (kept_secret(settings.data_dir / LINKS_FILE),)
    return gatekeeper.secrets_of(owner)


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on.

    Attributes:
        service: the use cases.
        load: whether there is too much work.
        upstreams: the accounts, as this process uses them.
        transfer: gives all jobs to other processes where there are others.
        submitting: how many submits wait for the upstream's answer.
    """

    service: Service
    load: Load
    upstreams: Mapping[str, Upstream]
    transfer: Transfer
    submitting: Callable[[], int]


async def start_work(base: Foundation, stack: AsyncExitStack) -> Work:
    """Set the worker going, first of all on what an earlier process left behind."""
    catalog = catalog_of(base.settings, base.accounts)
    context = job_context(base)
    router = router_of(base, context, catalog)
    context = replace(context, next_target=router.after_refusal)
    worker = JobRunner(context, base.deployment.changes)
    dispatch = await base.deployment.open_engine(worker.run, base.providers, stack)
    load = Load(base.videos, base.deployment.clock, base.settings.max_waiting)
    follow_up = FollowUp(context, dispatch.resume)
    service = service_of(base, catalog, router, dispatch, base.gatekeeper, load, follow_up)
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


def start_readiness(base: Foundation, work: Work, stack: AsyncExitStack) -> Readiness:
    """What knows whether the gateway may be sent work, and tells the log what changes."""

    def full_accounts() -> dict[str, str]:
        closed = {name: up.submit_limiter.closed_because() for name, up in work.upstreams.items()}
        return {name: f"The account {name}: {why}." for name, why in closed.items() if why}

    readiness = Readiness(
        database=base.deployment.database,
        check_storage=nothing_to_check if base.keeper is None else base.storage.check,
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
        moderated_again=settings.moderation_retry,
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
        videos=base.videos,
        admission=base.admission,
        changes=base.deployment.changes,
        engine=dispatch,
        providers=base.providers,
        keeper=base.keeper,
        estimates=Estimates(
            catalog=catalog,
            router=router,
            gatekeeper=gatekeeper,
            providers=base.providers,
            database=base.deployment.database,
            clock=clock,
            units_s=units_s,
        ),
        load=load,
        recheck=follow_up.check,
        clock=clock,
        adopt_window_s=settings.adopt_window_s,
        telemetry=base.telemetry,
    )


def catalog_of(settings: Settings, accounts: Mapping[str, UpstreamAccount]) -> Catalog:
    """Every account's models, and the aliases."""
    models = [
        replace(model, usd_per_credit=account.usd_per_credit or model.usd_per_credit)
        for account in accounts.values()
        for model in account.provider.models
    ]
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
