"""The real `openai` Python SDK against a gateway: only its base URL, key and model change."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import av
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from tests.gateway import a_prompt

from .jobs import NEVER, READY_AT_ONCE, JobsGateway, a_jobs_gateway
from .relay import losing_answers

# OpenAI closed its own Videos API; the SDK says so at every call of a method that still works here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
)
MODEL = "imagine-text-to-video"
SIZE: Final = "1280x720"
# The SDK's types know only OpenAI's own 4, 8 and 12 seconds; 12 is one of ours as well.
SECONDS: Final = "12"
POLL_MS = 20


@pytest.fixture
async def client(gateway: JobsGateway) -> AsyncIterator[AsyncOpenAI]:
    """The SDK's asynchronous client."""
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="rg_test") as client:
        yield client


def blocking(gateway: JobsGateway) -> OpenAI:
    """The SDK's synchronous client; it must run in a thread, as the gateway runs in this one."""
    return OpenAI(base_url=f"{gateway.url}/v1", api_key="rg_test")


async def test_create_and_poll_ends_with_a_video_that_plays(client: AsyncOpenAI) -> None:
    prompt = a_prompt(READY_AT_ONCE)
    video = await client.videos.create_and_poll(
        prompt=prompt, model="sora-2", seconds=SECONDS, size=SIZE, poll_interval_ms=POLL_MS
    )
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.seconds, video.size, video.prompt) == (SECONDS, SIZE, prompt)
    assert video.model == "seedance-2.0"
    content = await client.videos.download_content(video.id)
    assert content.response.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(content.content), "r") as movie:
        assert float(movie.duration or 0) / av.time_base == pytest.approx(12, abs=0.1)
    thumbnail = await client.videos.download_content(video.id, variant="thumbnail")
    with Image.open(io.BytesIO(thumbnail.content)) as picture:
        assert picture.format == "WEBP"


async def test_the_synchronous_client_goes_the_whole_way(gateway: JobsGateway) -> None:
    def whole_way() -> None:
        with blocking(gateway) as client:
            prompt = a_prompt(READY_AT_ONCE)
            video = client.videos.create_and_poll(
                prompt=prompt, model="sora-2-pro", seconds=SECONDS, poll_interval_ms=POLL_MS
            )
            assert video.status == "completed"
            assert client.videos.retrieve(video.id).completed_at == video.completed_at
            with client.videos.with_streaming_response.download_content(video.id) as content:
                head = next(iter(content.iter_bytes()))
            assert head[4:8] == b"ftyp"
            remix = client.videos.remix(video.id, prompt=f"{prompt} again")
            assert remix.remixed_from_video_id == video.id
            assert (remix.seconds, remix.size, remix.model) == (
                video.seconds,
                video.size,
                video.model,
            )
            listed = [each.id for each in client.videos.list(limit=1, order="asc")]
            assert listed == [video.id, remix.id]
            gone = client.videos.delete(video.id)
            assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
            with pytest.raises(openai.NotFoundError):
                client.videos.retrieve(video.id)

    await asyncio.to_thread(whole_way)


async def test_a_form_s_fields_arrive_from_the_sdk(client: AsyncOpenAI) -> None:
    """The SDK sends a multipart form; what it does not know goes in `extra_body`."""
    video = await client.videos.create(
        prompt=a_prompt(NEVER),
        model=MODEL,
        size="720x1280",
        extra_body={"duration": 6, "style_id": 7, "metadata": {"order": "12"}},
    )
    extras = video.model_extra or {}
    assert (video.seconds, video.size, extras["metadata"]) == ("6", "720x1280", {"order": "12"})


async def test_a_picture_s_model_is_checked_before_anything_is_sent(
    client: AsyncOpenAI, gateway: JobsGateway
) -> None:
    prompt = a_prompt()
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await client.videos.create(
            prompt=prompt, model=MODEL, input_reference=("cat.png", a_png(), "image/png")
        )
    assert caught.value.param == "input_reference"
    assert await gateway.submits(prompt) == []


async def test_polling_keeps_to_the_interval_that_the_gateway_names(
    gateway: JobsGateway, client: AsyncOpenAI
) -> None:
    video = await gateway.created(a_prompt(NEVER))
    answer = await client.videos.with_raw_response.retrieve(video["id"])
    assert 2000 <= int(answer.headers["openai-poll-after-ms"]) <= 5000


async def test_a_failed_video_ends_the_poll(client: AsyncOpenAI) -> None:
    video = await client.videos.create_and_poll(
        prompt=a_prompt("[[fail after=0]]"), model=MODEL, poll_interval_ms=POLL_MS
    )
    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "upstream_failed"


async def test_listing_pages_by_itself_in_both_orders(
    client: AsyncOpenAI, gateway: JobsGateway
) -> None:
    made = [(await gateway.created(a_prompt(NEVER)))["id"] for _ in range(5)]
    oldest_first = [video.id async for video in client.videos.list(limit=2, order="asc")]
    newest_first = [video.id async for video in client.videos.list(limit=2)]
    assert oldest_first == made
    assert newest_first == made[::-1]
    page = await client.videos.list(limit=5)
    assert not page.has_next_page()


async def test_a_loop_over_the_list_may_delete_what_it_meets(
    client: AsyncOpenAI, gateway: JobsGateway
) -> None:
    for _ in range(5):
        await gateway.created(a_prompt(NEVER))
    async for video in client.videos.list(limit=2):
        await client.videos.delete(video.id)
    assert (await client.videos.list()).data == []


async def test_each_error_is_its_own_class(client: AsyncOpenAI, gateway: JobsGateway) -> None:
    missing = f"video_{0:032x}"
    video = await gateway.created(a_prompt(NEVER))
    with pytest.raises(openai.NotFoundError) as not_found:
        await client.videos.retrieve(missing)
    assert not_found.value.code == "video_not_found"
    with pytest.raises(openai.NotFoundError) as no_model:
        await client.videos.create(prompt=a_prompt(), model="sora-3")
    assert no_model.value.code == "model_not_found"
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        await client.videos.create(prompt=a_prompt(), model=MODEL, seconds="8")
    assert (wrong.value.code, wrong.value.param) == ("invalid_request", "duration")
    with pytest.raises(openai.ConflictError) as not_ready:
        await client.with_options(max_retries=0).videos.download_content(video["id"])
    assert not_ready.value.code == "video_not_ready"
    with pytest.raises(openai.BadRequestError) as malformed:
        await client.videos.create(prompt=a_prompt(), extra_body={"metadata": "{"})
    assert malformed.value.code == "invalid_request"


async def test_the_spritesheet_is_refused_with_what_there_is(
    client: AsyncOpenAI, gateway: JobsGateway
) -> None:
    video = await gateway.finished()
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await client.videos.download_content(video["id"], variant="spritesheet")
    assert caught.value.param == "variant"
    assert "thumbnail" in caught.value.message


async def test_a_broken_connection_is_tried_again_by_the_sdk_and_paid_once(
    gateway: JobsGateway,
) -> None:
    """The SDK sends no key with its own retry; only its count of tries tells."""
    prompt = a_prompt(READY_AT_ONCE)
    async with (
        losing_answers(gateway.url) as relay,
        AsyncOpenAI(base_url=f"{relay.url}/v1", api_key="rg_test", max_retries=2) as client,
    ):
        video = await client.videos.create(prompt=prompt, model=MODEL)
        assert relay.lost == 1
    await gateway.reached(video.id, "completed")
    assert [row["id"] for row in gateway.rows(prompt)] == [video.id]
    assert len(await gateway.submits(prompt)) == 1


async def test_without_retries_a_broken_connection_is_the_caller_s(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    async with (
        losing_answers(gateway.url) as relay,
        AsyncOpenAI(base_url=f"{relay.url}/v1", api_key="rg_test") as client,
    ):
        with pytest.raises(openai.APIConnectionError):
            await client.with_options(max_retries=0).videos.create(prompt=prompt, model=MODEL)
    assert len(gateway.rows(prompt)) == 1


async def test_models_are_listed_with_their_aliases(
    client: AsyncOpenAI, tmp_path: Path, sandbox_url: str
) -> None:
    listed = [model.id async for model in client.models.list()]
    assert listed[0] == MODEL
    assert {"sora-2", "sora-2-pro"} < set(listed)
    seed = await client.models.retrieve(MODEL)
    assert (seed.created, seed.owned_by, seed.object) == (1704067200, "imagine.art", "model")
    async with (
        a_jobs_gateway(tmp_path / "plain", sandbox_url, aliases="") as plain,
        AsyncOpenAI(base_url=f"{plain.url}/v1", api_key="rg_test") as other,
    ):
        assert "sora-2" not in [model.id async for model in other.models.list()]
        with pytest.raises(openai.NotFoundError):
            await other.videos.create(prompt=a_prompt(), model="sora-2")


def a_png() -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    return buffer.getvalue()
