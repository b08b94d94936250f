"""Replicate's own client against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from replicate.client import Client
from replicate.exceptions import ReplicateError
from replicate.helpers import FileOutput

from reelgate.sandbox import Sandbox

MODEL = "google/veo-3.1"


@asynccontextmanager
async def client_of(sandbox: Sandbox, key: str = "any") -> AsyncIterator[Client]:
    client = Client(api_token=key, base_url=f"{sandbox.url}/replicate")
    try:
        yield client
    finally:
        # It has no way of its own to close what it opened.
        await client._async_client.aclose()


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with client_of(sandbox) as opened:
        yield opened


async def test_replicates_client_makes_finds_and_reads_a_video(client: Client) -> None:
    prediction = await client.models.predictions.async_create(
        model=MODEL, input={"prompt": "a cat [[ready after=0]]", "aspect_ratio": "9:16"}
    )
    assert prediction.status == "starting"
    while prediction.status in {"starting", "processing"}:
        prediction = await client.predictions.async_get(prediction.id)
    assert prediction.status == "succeeded"
    file = await FileOutput(str(prediction.output), client).aread()
    assert file[4:8] == b"ftyp"
    [listed] = (await client.predictions.async_list()).results
    assert (listed.id, listed.input) == (prediction.id, prediction.input)


async def test_replicates_client_uploads_a_picture(client: Client) -> None:
    file = await client.files.async_create(BytesIO(b"\x89PNG\r\n\x1a\n"))
    assert file.size == 8
    assert file.urls["get"].endswith(f"/v1/files/{file.id}")


async def test_replicates_client_reads_progress_and_cancels(client: Client) -> None:
    version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
    prediction = await client.predictions.async_create(
        version=version, input={"prompt": "a cat [[never]]"}
    )
    prediction = await client.predictions.async_get(prediction.id)
    assert prediction.version == version
    assert prediction.progress is not None
    assert prediction.progress.current == 9
    assert (await client.predictions.async_cancel(prediction.id)).status == "canceled"
    assert (await client.predictions.async_get(prediction.id)).status == "canceled"


async def test_replicates_client_understands_a_refusal(sandbox: Sandbox) -> None:
    async with client_of(sandbox, "expired") as client:
        with pytest.raises(ReplicateError) as caught:
            await client.models.predictions.async_create(model=MODEL, input={"prompt": "a cat"})
    assert (caught.value.status, caught.value.title) == (401, "Unauthenticated")
