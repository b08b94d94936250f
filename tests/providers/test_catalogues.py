"""The models that upstreams tell themselves: fetched at the start, kept, and done without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.domain.fields import SEED, FieldType
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.openrouter.adapter import OpenRouter
from reelgate.providers.registry import PROVIDERS
from reelgate.runtime.catalogues import learn_models
from reelgate.sandbox import Sandbox, SandboxOptions
from tests.gateway import a_gateway

TOLD = ["sandbox/reel-1", "sandbox/by-tokens"]
NOWHERE = "http://127.0.0.1:1/openrouter/api/v1"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64)) as running:
        yield running


def a_router(http: HttpClient, base_url: str) -> OpenRouter:
    return OpenRouter(http, ApiAccount("openrouter", base_url, "k"))


def names(provider: OpenRouter) -> list[str]:
    return [model.id for model in provider.models]


async def test_what_was_told_last_is_used_while_the_upstream_is_down(
    http: HttpClient, tmp_path: Path
) -> None:
    async with Sandbox(SandboxOptions(max_short_side_px=64)) as sandbox:
        base_url = f"{sandbox.url}/openrouter/api/v1"
        first = a_router(http, base_url)
        await learn_models([first], tmp_path)
        assert names(first) == TOLD
    again = a_router(http, base_url)
    own = names(again)
    await learn_models([again], tmp_path)
    assert names(again) == TOLD
    elsewhere = a_router(http, NOWHERE)
    await learn_models([elsewhere], tmp_path)
    assert names(elsewhere) == own != TOLD


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"url": 7}', "\x00"])
async def test_a_broken_copy_is_as_none(http: HttpClient, tmp_path: Path, kept: str) -> None:
    (tmp_path / "openrouter.json").write_text(kept)
    router = a_router(http, NOWHERE)
    own = names(router)
    await learn_models([router], tmp_path)
    assert names(router) == own


async def test_a_folder_that_cannot_be_written_stops_nothing(
    http: HttpClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    router = a_router(http, f"{sandbox.url}/openrouter/api/v1")
    await learn_models([router], tmp_path / "file" / "catalogues")
    assert names(router) == TOLD


async def test_fields_that_mean_something_else_than_anothers_are_not_taken(
    http: HttpClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    class Clashing(OpenRouter):
        def use_catalogue(self, told: object) -> None:
            super().use_catalogue(told)
            if told is not None:
                # What another provider calls a number is a text in this catalogue.
                [*_, last] = self.models
                row = replace(SEED, type=FieldType.TEXT)
                self._models = {last.id: replace(last, fields=(row,))}

    router = a_router(http, f"{sandbox.url}/openrouter/api/v1")
    clashing = Clashing(http, ApiAccount("other", f"{sandbox.url}/openrouter/api/v1", "k"))
    own = names(clashing)
    await learn_models([router, clashing], tmp_path)
    assert (names(router), names(clashing)) == (TOLD, own)


async def test_a_gateway_offers_what_its_upstream_tells(tmp_path: Path, sandbox: Sandbox) -> None:
    values = {"_env_file": None, "key": "k", "api_url": f"{sandbox.url}/openrouter/api/v1"}
    own = PROVIDERS["openrouter"].settings.model_validate(values)
    async with a_gateway(tmp_path, sandbox.url, providers={"openrouter": own}) as gateway:
        listed = (await gateway.call("GET", "/v1/models")).body["data"]
        assert [model["id"] for model in listed] == TOLD
        assert listed[0]["capabilities"]["price"]["certainty"] == "official"
