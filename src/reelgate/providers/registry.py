"""Which providers there are: one line each, and where their finished videos play."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reelgate.clock import Clock
from reelgate.domain.catalog import Model
from reelgate.domain.video import Video
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.imagine.build import build_imagine
from reelgate.providers.imagine.models import imagine_models
from reelgate.settings import Settings

Builder = Callable[[HttpClient, Settings, Clock], Provider]

BUILDERS: Mapping[str, Builder] = {
    "imagine": build_imagine,
}

MODELS: Mapping[str, Callable[[str], tuple[Model, ...]]] = {
    "imagine": imagine_models,
}
"""The models of each, without an account: what a program without a catalog may ask for."""


def registered_models() -> tuple[Model, ...]:
    """Every model that a provider declares, whether or not it is configured."""
    return tuple(model for name, declare in MODELS.items() for model in declare(name))


def build_providers(http: HttpClient, settings: Settings, clock: Clock) -> dict[str, Provider]:
    """Every configured provider, by the name that stands in stored jobs."""
    built = (build(http, settings, clock) for build in BUILDERS.values())
    return {provider.name: provider for provider in built}


def video_url(video: Video, providers: Mapping[str, Provider]) -> str | None:
    """Where anybody can play a video once it is ready; None before it was accepted."""
    provider = providers.get(video.provider)
    if provider is None or video.provider_id is None:
        return None
    return provider.video_url(video.provider_id)
