"""The key-based API's provider out of its settings, or its stand-in in its place."""

from __future__ import annotations

from reelgate.clock import Clock
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.imagine_key.adapter import ImagineKey
from reelgate.providers.imagine_key.models import ROWS, rows_with
from reelgate.providers.imagine_key.settings import ImagineKeySettings
from reelgate.settings import split

# The sandbox takes any key; this one says in its record whose it is.
SANDBOX_KEY = "reelgate-sandbox"


def build_key(
    http: HttpClient, settings: ImagineKeySettings, _clock: Clock, name: str = "imagine_key"
) -> Provider:
    """The real API, with the key that the settings name."""
    rows = rows_with(split(settings.styles))
    key = settings.api_key.get_secret_value()
    return ImagineKey(http, settings.api_url, key, name=name, rows=rows)


def build_key_stand_in(
    http: HttpClient,
    clock: Clock,  # noqa: ARG001 - no key tells when it ends
    *,
    sandbox_url: str,
    speed: float,
    name: str,
    public_asset_url: str | None = None,  # noqa: ARG001 - its videos have no address of their own
    settings: ImagineKeySettings | None = None,
) -> Provider:
    """The same adapter against a sandbox."""
    rows = ROWS if settings is None else rows_with(split(settings.styles))
    url = f"{sandbox_url.rstrip('/')}/v2"
    return ImagineKey(http, url, SANDBOX_KEY, name=name, rows=rows, time_scale=1.0 / speed)
