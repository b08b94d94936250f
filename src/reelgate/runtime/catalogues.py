"""The models that an upstream tells itself, asked for once when the gateway starts.

What it told last is kept in the data folder, for starts at which it cannot be asked. Without either
the provider has the models of its own table.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import structlog

from reelgate.domain.catalog import declared_fields
from reelgate.errors import UpstreamError
from reelgate.providers.base import Catalogued, Provider, has_catalogue

log = structlog.get_logger()

FETCH_TIMEOUT_S = 5.0
"""The gateway starts no sooner, so that an upstream that is silent is soon given up."""


async def learn_models(providers: Iterable[Provider], folder: Path) -> None:
    """Give each provider the models that its upstream tells, or told last.

    Args:
        providers: all that are at work: their models' fields must agree.
        folder: where answers are kept, a file for each account.
    """
    listed = list(providers)
    catalogued = [provider for provider in listed if has_catalogue(provider)]
    asked = (told_by(provider, folder / f"{provider.name}.json") for provider in catalogued)
    for provider, told in zip(catalogued, await asyncio.gather(*asked), strict=True):
        provider.use_catalogue(told)
        try:
            declared_fields(model for each in listed for model in each.models)
        except ValueError as error:
            log.warning("catalogue_not_used", provider=provider.name, error=str(error))
            provider.use_catalogue(None)


async def told_by(provider: Catalogued, kept: Path) -> object:
    """What one upstream tells, which is kept, or told last; None where neither is known."""
    try:
        async with asyncio.timeout(FETCH_TIMEOUT_S):
            told = await provider.fetch_catalogue()
    except (UpstreamError, TimeoutError) as error:
        log.warning("catalogue_not_fetched", provider=provider.name, error=str(error))
        return read_kept(kept, provider.catalogue_url)
    keep(kept, provider.catalogue_url, told)
    return told


def keep(path: Path, url: str, told: object) -> None:
    """Write down what an address told; the file appears whole or not at all.

    A full disk is no reason not to serve.
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"url": url, "told": told}), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        log.warning("catalogue_not_kept", error=error.strerror)
        with suppress(OSError):
            partial.unlink()


def read_kept(path: Path, url: str) -> object:
    """What an address told last; None where that is not known."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept.get("told") if isinstance(kept, dict) and kept.get("url") == url else None
