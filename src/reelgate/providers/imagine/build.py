"""imagine.art's provider out of its settings, or its stand-in in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelgate.clock import Clock
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.imagine.adapter import ImagineHosts, ImagineWeb
from reelgate.providers.imagine.credentials import ImagineAccount, TokenCredentials
from reelgate.providers.imagine.models import PICTURES_ONLY, imagine_models
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.imagine.signin import ImagineSignIn
from reelgate.providers.registered import Registered

if TYPE_CHECKING:
    from reelgate.domain.findings import Finding
    from reelgate.providers.signin import CredentialStore

SANDBOX_NAME = "imagine-sandbox"
# The sandbox takes any token; this one says in its record whose it is.
SANDBOX_BEARER = "reelgate-sandbox"
SANDBOX_ORG = "sandbox"


def build_imagine(
    http: HttpClient, settings: ImagineSettings, clock: Clock, name: str = "imagine"
) -> Provider:
    """The real imagine.art, with the account that the settings name."""
    account = ImagineAccount(
        TokenCredentials(settings.token.get_secret_value(), clock, needs_parent=True),
        settings.org_id,
        settings.parent_id,
    )
    hosts = ImagineHosts(
        api_url=settings.api_url,
        asset_url=settings.asset_url,
        auth_url=settings.auth_url,
        team_url=settings.team_url,
    )
    parts = settings.parts_of_references
    models = imagine_models(name, settings.rows, parts)
    return ImagineWeb(http, hosts, account, name=name, models=models, reference_parts=parts)


def build_sandboxed(
    http: HttpClient,
    clock: Clock,
    *,
    sandbox_url: str,
    speed: float,
    name: str = SANDBOX_NAME,
    public_asset_url: str | None = None,
    settings: ImagineSettings | None = None,
) -> Provider:
    """The same adapter against a sandbox, under a name that nobody takes for the real one.

    Args:
        http: the shared client.
        clock: the time.
        sandbox_url: the sandbox's base, such as `http://127.0.0.1:9000`.
        speed: how many times faster than imagine.art it is.
        name: stands in stored jobs.
        public_asset_url: where callers can play its videos, when they cannot reach it themselves.
        settings: where they name models of their own.
    """
    rows = None if settings is None else settings.rows
    parts = PICTURES_ONLY if settings is None else settings.parts_of_references
    return ImagineWeb(
        http,
        sandbox_hosts(sandbox_url),
        ImagineAccount(TokenCredentials(SANDBOX_BEARER, clock), SANDBOX_ORG),
        name=name,
        models=imagine_models(name, rows, parts),
        public_asset_url=public_asset_url,
        time_scale=1.0 / speed,
        reference_parts=parts,
    )


def sandbox_hosts(sandbox_url: str) -> ImagineHosts:
    """The sandbox's stand-ins for each of imagine.art's hosts."""
    base = sandbox_url.rstrip("/")
    return ImagineHosts(
        api_url=f"{base}/v1",
        asset_url=f"{base}/processed",
        auth_url=f"{base}/auth",
        team_url=f"{base}/team",
    )


async def examine(sign_in: ImagineSignIn, store: CredentialStore | None) -> list[Finding] | None:
    """See `checks.examine`."""
    # Only `reelgate doctor` asks.
    from reelgate.providers.imagine import checks  # noqa: PLC0415

    return await checks.examine(sign_in, store)


PROVIDER = Registered(
    ImagineSettings,
    imagine_models,
    build_imagine,
    build_sandboxed,
    sign_in=ImagineSignIn,
    examine=examine,
)
