"""imagine.art's provider, or the sandbox in its place, out of the settings."""

from __future__ import annotations

from reelgate.clock import Clock
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.imagine.adapter import ImagineHosts, ImagineWeb
from reelgate.providers.imagine.credentials import ImagineAccount, TokenCredentials
from reelgate.settings import Settings

SANDBOX_NAME = "imagine-sandbox"
# The embedded sandbox takes any token; this one says in its record whose it is.
SANDBOX_BEARER = "reelgate-sandbox"
SANDBOX_ORG = "sandbox"


def build_imagine(http: HttpClient, settings: Settings, clock: Clock) -> Provider:
    """The real imagine.art, with the account that the environment names."""
    account = ImagineAccount(
        TokenCredentials(settings.imagine_token.get_secret_value(), clock),
        settings.imagine_org_id,
        settings.imagine_parent_id,
    )
    hosts = ImagineHosts(
        api_url=settings.imagine_api_url,
        asset_url=settings.imagine_asset_url,
        auth_url=settings.imagine_auth_url,
        team_url=settings.imagine_team_url,
    )
    return ImagineWeb(http, hosts, account)


def build_sandboxed(
    http: HttpClient,
    clock: Clock,
    *,
    sandbox_url: str,
    speed: float,
    public_asset_url: str | None = None,
) -> Provider:
    """The same adapter against a sandbox, under a name that nobody takes for the real one.

    Args:
        http: the shared client.
        clock: the time.
        sandbox_url: the sandbox's base, such as `http://127.0.0.1:9000`.
        speed: how many times faster than imagine.art it is.
        public_asset_url: where callers can play its videos, when they cannot reach it themselves.
    """
    return ImagineWeb(
        http,
        sandbox_hosts(sandbox_url),
        ImagineAccount(TokenCredentials(SANDBOX_BEARER, clock), SANDBOX_ORG),
        name=SANDBOX_NAME,
        public_asset_url=public_asset_url,
        time_scale=1.0 / speed,
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
