"""Google's own client against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google import genai
from google.genai import errors, types
from google.genai.client import AsyncClient

from reelgate.sandbox import Sandbox

MODEL = "veo-3.1-generate-preview"
# It makes a class of aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


def client_of(sandbox: Sandbox, key: str = "any") -> AsyncClient:
    options = types.HttpOptions(base_url=f"{sandbox.url}/gemini")
    return genai.Client(api_key=key, http_options=options).aio


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncClient]:
    async with client_of(sandbox) as opened:
        yield opened


async def ended(
    client: AsyncClient, prompt: str, **config: object
) -> types.GenerateVideosOperation:
    operation = await client.models.generate_videos(
        model=MODEL,
        source=types.GenerateVideosSource(prompt=prompt),
        config=types.GenerateVideosConfig(**config),  # type: ignore[arg-type]
    )
    while not operation.done:
        operation = await client.operations.get(operation)
    return operation


async def test_googles_client_makes_and_reads_a_video(client: AsyncClient) -> None:
    done = await ended(client, "a cat [[ready after=0]]", duration_seconds=4, aspect_ratio="9:16")
    assert done.response is not None
    assert done.response.generated_videos
    video = done.response.generated_videos[0].video
    assert video is not None
    assert video.uri is not None
    # The client itself cuts the name out of an https address only.
    name = video.uri.rpartition("/")[2].partition(":")[0]
    assert (await client.files.download(file=f"files/{name}"))[4:8] == b"ftyp"


async def test_googles_client_sees_a_filtered_video_as_the_vendor_tells_it(
    client: AsyncClient,
) -> None:
    done = await ended(client, "a cat [[moderated]]")
    assert done.error is None
    assert done.response is not None
    assert done.response.generated_videos is None
    assert done.response.rai_media_filtered_count == 1
    assert "audio" in (done.response.rai_media_filtered_reasons or [""])[0]


async def test_googles_client_understands_a_refusal(sandbox: Sandbox) -> None:
    async with client_of(sandbox, "expired") as client:
        with pytest.raises(errors.ClientError) as caught:
            await ended(client, "a cat")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert not sandbox.jobs.count("a cat")
