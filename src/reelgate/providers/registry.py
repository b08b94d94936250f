"""Which providers there are: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reelgate.clock import Clock
from reelgate.providers.base import Provider
from reelgate.providers.http import HttpClient
from reelgate.providers.imagine.build import build_imagine
from reelgate.settings import Settings

Builder = Callable[[HttpClient, Settings, Clock], Provider]

BUILDERS: Mapping[str, Builder] = {
    "imagine": build_imagine,
}


def build_providers(http: HttpClient, settings: Settings, clock: Clock) -> dict[str, Provider]:
    """Every configured provider, by the name that stands in stored jobs."""
    built = (build(http, settings, clock) for build in BUILDERS.values())
    return {provider.name: provider for provider in built}
