"""Characters: OpenAI's SDK makes one at an account that keeps them, and reads it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.gateway import Json, Reply
from tests.media.movies import movie

from .jobs import JobsGateway, a_jobs_gateway, is_refused, without_credentials
from .test_keys import OPERATOR, bearer, make
from .test_sessions import KEY

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.filterwarnings(
        "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
    ),
]
SERVER = "hunyuan-video"
"""A model of a server with `/v1/videos`."""
CHARACTERS = "/v1/videos/characters"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[JobsGateway]:
    """A gateway with keys and two accounts, of which the second keeps characters."""
    providers = without_credentials("imagine", "videos")
    settings = {"providers": providers, "bootstrap_key": KEY}
    async with a_jobs_gateway(tmp_path, sandbox_url, **settings) as running:
        yield running


async def send(gateway: JobsGateway, **fields: Json) -> Reply:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value, filename="f" if isinstance(value, bytes) else None)
    url = gateway.url + CHARACTERS
    async with gateway.session.post(url, data=form, headers=OPERATOR) as response:
        return Reply(response.status, response.headers, await response.text())


async def test_the_sdk_makes_and_reads_a_character_that_nobody_else_sees(
    gateway: JobsGateway,
) -> None:
    file = ("otter.mp4", movie(), "video/mp4")
    other = (await make(gateway, name="other"))["key"]
    async with (
        AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as client,
        AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=other) as stranger,
    ):
        made = await client.videos.create_character(
            name="Otto", video=file, extra_body={"model": SERVER}
        )
        assert made.id is not None
        assert (made.id[:5], made.name) == ("char_", "Otto")
        assert (await client.videos.get_character(made.id)).to_dict() == made.to_dict()
        with pytest.raises(openai.NotFoundError) as unseen:
            await stranger.videos.get_character(made.id)
        assert unseen.value.code == "character_not_found"


async def test_the_synchronous_sdk_is_told_who_keeps_characters(gateway: JobsGateway) -> None:
    def ask() -> None:
        with OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as client:
            file = ("otter.mp4", io.BytesIO(movie()), "video/mp4")
            with pytest.raises(openai.UnprocessableEntityError, match=SERVER) as refused:
                client.videos.create_character(name="Otto", video=file)
            assert refused.value.param == "model"

    await asyncio.to_thread(ask)
    reply = await gateway.call("GET", f"/v1/models/{SERVER}", headers=OPERATOR)
    assert reply.body["capabilities"]["characters"] is True


async def test_what_makes_no_sense_is_refused_by_name(gateway: JobsGateway) -> None:
    good: dict[str, Json] = {"name": "Otto", "model": SERVER, "video": movie()}
    for change, param in (
        ({"name": ""}, "name"),
        ({"name": "o" * 81}, "name"),
        ({"video": PNG}, "video"),
        ({"mood": "happy"}, "mood"),
        ({"picture": PNG}, "picture"),
    ):
        assert is_refused(await send(gateway, **good | change), 422, "invalid_request", param)
    for missing in ("name", "video"):
        left = {name: value for name, value in good.items() if name != missing}
        assert is_refused(await send(gateway, **left), 422, "invalid_request", missing)
    as_json = await gateway.call("POST", CHARACTERS, json={"name": "Otto"}, headers=OPERATOR)
    assert is_refused(as_json, 415, "unsupported_media")
    reader = await make(gateway, name="reader", scopes=["read"])
    form = aiohttp.FormData({"name": "Otto"}, default_to_multipart=True)
    url = gateway.url + CHARACTERS
    async with gateway.session.post(url, data=form, headers=bearer(reader)) as response:
        assert response.status == 403
