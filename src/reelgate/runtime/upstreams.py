"""The upstream accounts that the settings name, or stand-ins where they name none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import structlog

from reelgate.clock import Clock, SystemClock
from reelgate.db.database import Database
from reelgate.errors import UpstreamUnauthorized
from reelgate.limits.rate import MINUTE_S, CountedClient, RequestLimit, RequestRates
from reelgate.net.client import HttpClient
from reelgate.net.open_files import for_requests
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.base import Provider
from reelgate.providers.registered import Registered
from reelgate.providers.registry import (
    PROVIDERS,
    SANDBOX_SUFFIX,
    build_providers,
    credential_variables,
    login_command,
    registered,
)
from reelgate.runtime.catalogues import learn_models
from reelgate.runtime.signin import use_kept_credentials
from reelgate.settings import Settings
from reelgate.telemetry.requests import upstream_requests
from reelgate.telemetry.telemetry import Telemetry

log = structlog.get_logger()

MAX_CONNECTIONS = 1000
"""To the upstreams, in each of the client's two pools."""
SANDBOX_PATH = "/sandbox/processed"
"""Where the gateway passes the first stand-in's videos through; each other has a path below it."""
CATALOGUES = "catalogues"
"""The folder with what upstreams told of their models."""
POLLS_PART = 0.5
"""The part of an account's requests a minute that polls may use; submits have the rest."""
LEAST_UNIT_S = 0.02
"""A stand-in's time is followed up to fifty times ours."""


@dataclass(frozen=True, slots=True)
class UpstreamAccount:
    """One account of a provider, or its stand-in.

    Attributes:
        provider: speaks to it.
        max_in_flight: videos that it may have under way.
        max_submits: submits that may wait for its answer.
        polls_per_s: how often it may be polled, in seconds of ours.
        time_unit_s: what counts as a second there.
        stands_for: the account in whose place a stand-in is; empty for a real one.
        usd_per_credit: what one of its credits costs; None where that is not known.
    """

    provider: Provider
    max_in_flight: int
    max_submits: int
    polls_per_s: float
    time_unit_s: float = 1.0
    stands_for: str = ""
    usd_per_credit: Decimal | None = None


async def start_providers(
    settings: Settings,
    database: Database,
    rates: RequestRates,
    telemetry: Telemetry,
    stack: AsyncExitStack,
) -> dict[str, UpstreamAccount]:
    """Every account with credentials, or a stand-in for each provider where there is none.

    Raises:
        UpstreamUnauthorized: no provider has credentials, and the sandbox is off.
    """
    clock = SystemClock()
    http = await stack.enter_async_context(
        HttpClient(max_connections=for_requests(MAX_CONNECTIONS), clock=clock)
    )
    if settings.configured:
        built = build_providers(http, settings, clock, partial(client_of, rates, telemetry))
        await use_kept_credentials(settings, database, http, clock, built, stack)
        await learn_models(built.values(), settings.data_dir / CATALOGUES)
        return {name: account(settings, name, provider) for name, provider in built.items()}
    missing = credential_variables()
    if settings.sandbox == "off":
        message = (
            f"{missing} is empty, nobody has signed in (`{login_command()}`), and"
            " REELGATE_SANDBOX=off: there is nobody to make videos"
        )
        raise UpstreamUnauthorized(message)
    log.info("sandbox", note="nobody has credentials: videos are made by stand-ins, not for real")
    accounts: dict[str, UpstreamAccount] = {}
    urls = await sandbox_urls(settings, stack)
    for name, url in urls.items():
        observed = observed_client(http, telemetry, f"{name}{SANDBOX_SUFFIX}")
        stand_in = stand_in_of(settings, name, url, observed, clock, is_first=not accounts)
        accounts[stand_in.provider.name] = stand_in
    stand_ins = [each.provider for each in accounts.values()]
    await learn_models(stand_ins, settings.data_dir / CATALOGUES)
    return accounts


async def sandbox_urls(settings: Settings, stack: AsyncExitStack) -> dict[str, str]:
    """Where each account's stand-in is: where the settings say, else in a sandbox of our own."""
    urls = {
        name: (own.sandbox_url if own else "") or settings.sandbox_url
        for name in settings.providers or PROVIDERS
        if has_stand_in(name, own := settings.providers.get(name))
    }
    if not all(urls.values()):
        # Its jobs survive a restart together with the gateway's.
        sandbox = open_sandbox(settings.data_dir / "sandbox", settings.sandbox_speed)
        ours = await stack.enter_async_context(sandbox)
        urls = {name: url or ours for name, url in urls.items()}
    return urls


@asynccontextmanager
async def open_sandbox(data_dir: Path, speed: float) -> AsyncIterator[str]:
    """A sandbox inside this process; gives its address. Its jobs are kept in `data_dir`."""
    # A server of its own takes 0.1 s to load, and a gateway with an account does without it.
    from reelgate.sandbox import Sandbox, SandboxOptions  # noqa: PLC0415

    async with Sandbox(SandboxOptions(speed=speed, data_dir=data_dir)) as sandbox:
        yield sandbox.url


def observed_client(http: HttpClient, telemetry: Telemetry, name: str) -> HttpClient:
    """The client for an account, whose requests are counted."""
    return http.observed(
        upstream_requests(telemetry, name, is_foreign=False),
        upstream_requests(telemetry, name, is_foreign=True),
    )


def client_of(
    rates: RequestRates, telemetry: Telemetry, http: HttpClient, known: Registered, name: str
) -> HttpClient:
    """The client for an account, which keeps to what the account takes a minute."""
    http = observed_client(http, telemetry, name)
    if known.requests_per_minute is None:
        return http
    limit = RequestLimit.of_upstream(known.requests_per_minute)
    return CountedClient(http, partial(rates.take, name, limit))


def has_stand_in(name: str, own: ProviderSettings | None) -> bool:
    """Whether a stand-in plays for a provider where nobody has credentials."""
    return registered(name, own).has_default_stand_in or bool(own and own.sandbox_url)


def account(
    settings: Settings,
    name: str,
    provider: Provider,
    *,
    time_unit_s: float = 1.0,
    stands_for: str = "",
) -> UpstreamAccount:
    """An account with its own limits, and everybody's where it has none."""
    own = settings.providers.get(name)
    polls_per_s = (own and own.looks_per_s) or settings.looks_per_s
    if own is not None and (rpm := registered(name, own).requests_per_minute) is not None:
        polls_per_s = min(polls_per_s, POLLS_PART * rpm / MINUTE_S)
    return UpstreamAccount(
        provider=provider,
        max_in_flight=(own and own.max_in_flight) or settings.max_in_flight,
        max_submits=(own and own.max_submits) or settings.max_submits,
        polls_per_s=polls_per_s / time_unit_s,
        time_unit_s=time_unit_s,
        stands_for=stands_for,
        usd_per_credit=None if own is None else own.usd_per_credit,
    )


def stand_in_of(
    settings: Settings, name: str, url: str, http: HttpClient, clock: Clock, *, is_first: bool
) -> UpstreamAccount:
    """A stand-in in an account's place."""
    own = settings.providers.get(name)
    provider = registered(name, own).build_stand_in(
        http,
        clock,
        sandbox_url=url,
        speed=settings.sandbox_speed,
        name=f"{name}{SANDBOX_SUFFIX}",
        public_asset_url=SANDBOX_PATH if is_first else f"{SANDBOX_PATH}/{name}{SANDBOX_SUFFIX}",
        settings=own,
    )
    return account(
        settings,
        name,
        provider,
        time_unit_s=max(1.0 / settings.sandbox_speed, LEAST_UNIT_S),
        stands_for=name,
    )
