"""Videos that are made of others: OpenAI's `edits` and `extensions`, by its own SDK and by hand."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from reelgate.domain.routing import Target, VirtualModel
from tests.gateway import Json, Reply, a_prompt
from tests.media.movies import movie

from .jobs import JobsGateway, a_jobs_gateway, is_refused, without_credentials

pytestmark = pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
)
SERVER = "hunyuan-video"
"""A model of a server with `/v1/videos`."""
LUMA, EITHER = "ray-2", "either"
EDITS, EXTENSIONS = "/v1/videos/edits", "/v1/videos/extensions"
POLL_MS = 20
NO_FILE: Any = openai.omit
"""The SDK's type of `video` has `{"id"}`, and the SDK itself refuses it: such goes beside it."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[JobsGateway]:
    """Three accounts: one edits and extends, one extends its own videos, one does neither."""
    providers = without_credentials("imagine", "videos", "luma")
    either = {EITHER: VirtualModel(EITHER, (Target(LUMA), Target(SERVER)))}
    async with a_jobs_gateway(
        tmp_path, sandbox_url, providers=providers, virtual_models=either
    ) as running:
        yield running


@pytest.fixture
async def client(gateway: JobsGateway) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="rg_test") as client:
        yield client


def by_id(video_id: str) -> dict[str, Any]:
    return {"video": {"id": video_id}}


async def job_of(gateway: JobsGateway, prompt: str) -> dict[str, Any]:
    """The one job that was paid for, as the stand-in has it."""
    [job] = await gateway.accepted(prompt)
    return dict(job)


async def change(gateway: JobsGateway, path: str, **body: Json) -> Reply:
    return await gateway.call("POST", path, json={"prompt": a_prompt(), **body})


async def test_the_sdk_edits_and_extends_a_video_by_its_id(
    client: AsyncOpenAI, gateway: JobsGateway
) -> None:
    source = await gateway.finished(model=SERVER)
    first, second = a_prompt(), a_prompt()
    edited = await client.videos.edit(prompt=first, video=NO_FILE, extra_body=by_id(source["id"]))
    assert (edited.model, edited.remixed_from_video_id) == (SERVER, source["id"])
    assert (edited.model_extra or {})["reelgate"]["operation"] == "edit"
    edited = await client.videos.poll(edited.id, poll_interval_ms=POLL_MS)
    assert (edited.status, edited.error) == ("completed", None)
    content = await client.videos.download_content(edited.id)
    assert content.content[4:8] == b"ftyp"
    extended = await client.videos.extend(
        prompt=second, video=NO_FILE, seconds="8", extra_body=by_id(edited.id)
    )
    assert ((extended.model_extra or {})["reelgate"]["operation"], extended.seconds) == (
        "extend",
        "8",
    )
    assert (await client.videos.poll(extended.id, poll_interval_ms=POLL_MS)).status == "completed"
    for prompt, change, made_of in (
        (first, "edits", source["reelgate"]["provider_id"]),
        (second, "extensions", (await gateway.show(edited.id))["reelgate"]["provider_id"]),
    ):
        details = (await job_of(gateway, prompt))["details"]
        assert (details["change"], details["source"]) == (change, made_of)


async def test_the_synchronous_sdk_edits_a_file(gateway: JobsGateway) -> None:
    prompt = a_prompt()

    def edit() -> None:
        with OpenAI(base_url=f"{gateway.url}/v1", api_key="rg_test") as client:
            file = ("cat.mp4", io.BytesIO(movie()), "video/mp4")
            video = client.videos.edit(prompt=prompt, video=file, extra_body={"model": SERVER})
            assert client.videos.poll(video.id, poll_interval_ms=POLL_MS).status == "completed"
            with pytest.raises(openai.UnprocessableEntityError) as refused:
                client.videos.edit(prompt=prompt, video=("cat.png", PNG))
            assert refused.value.param == "model"

    await asyncio.to_thread(edit)
    details = (await job_of(gateway, prompt))["details"]
    assert (details["source"], details["body"]) == ("video/mp4", "multipart/form-data")


async def test_a_video_of_another_account_goes_by_its_bytes(gateway: JobsGateway) -> None:
    source = await gateway.finished(model="imagine-text-to-video")
    prompt = a_prompt()
    body = {"prompt": prompt, "model": SERVER, "video": {"id": source["id"]}}
    made = await gateway.call("POST", EDITS, json=body)
    assert made.status == 200, made.text
    assert (await gateway.reached(made.body["id"], "completed", "failed"))["error"] is None
    assert (await job_of(gateway, prompt))["details"]["source"] == "video/mp4"


async def test_a_retry_finds_its_job_and_a_job_without_a_known_price_keeps_to_max_price(
    gateway: JobsGateway,
) -> None:
    source = await gateway.finished(model=SERVER)
    prompt = a_prompt()
    body = {"prompt": prompt, "video": {"id": source["id"]}}
    keyed = {"Idempotency-Key": prompt}
    first, again = [await gateway.call("POST", EDITS, json=body, headers=keyed) for _ in range(2)]
    assert (first.body["id"], again.attached) == (again.body["id"], True)
    dear = await gateway.call("POST", EDITS, json=body | {"max_price": 5})
    assert is_refused(dear, 403, "price_refused", "max_price")
    await gateway.reached(first.body["id"], "completed")
    assert len(await gateway.accepted(prompt)) == 1


async def test_luma_goes_on_with_its_own_videos_only(gateway: JobsGateway) -> None:
    own = await gateway.finished(model=LUMA, resolution="720p", size=None, seconds="5")
    prompt = a_prompt()
    body = {"prompt": prompt, "video": {"id": own["id"]}, "seconds": "5"}
    made = await gateway.call("POST", EXTENSIONS, json=body)
    assert made.status == 200, made.text
    assert (await gateway.reached(made.body["id"], "completed", "failed"))["error"] is None
    frame = (await job_of(gateway, prompt))["details"]["request"]["keyframes"]["frame0"]
    assert frame == {"type": "generation", "id": own["reelgate"]["provider_id"]}
    other = await gateway.finished(model=SERVER)
    refused = await change(gateway, EXTENSIONS, model=LUMA, video={"id": other["id"]})
    assert is_refused(refused, 422, "invalid_request", "video")
    assert "own account" in refused.body["detail"]


async def test_a_virtual_model_passes_over_who_cannot(gateway: JobsGateway) -> None:
    source = await gateway.finished(model="imagine-text-to-video")
    body = {"model": EITHER, "video": {"id": source["id"]}, "seconds": "5"}
    made = await change(gateway, EXTENSIONS, **body)
    assert made.status == 200, made.text
    route = made.body["reelgate"]["route"]
    assert (route["chosen"], [each["model"] for each in route["passed_over"]]) == (SERVER, [LUMA])
    assert "own account" in route["passed_over"][0]["why"]
    assert (await gateway.reached(made.body["id"], "completed", "failed"))["error"] is None


async def test_who_cannot_says_who_can_and_nothing_is_sent(gateway: JobsGateway) -> None:
    source = await gateway.finished(model="imagine-text-to-video")
    for path, strict, able in ((EDITS, True, [SERVER]), (EXTENSIONS, False, [SERVER, LUMA])):
        refused = await change(gateway, path, video={"id": source["id"]}, strict=strict)
        assert is_refused(refused, 422, "invalid_request", "model")
        assert all(name in refused.body["detail"] for name in able)
    models = (await gateway.call("GET", "/v1/models")).body["data"]
    told = {each["id"]: each["capabilities"] for each in models}
    assert (told[SERVER]["edits"], told[SERVER]["extensions"]) == (True, True)
    assert (told[LUMA]["edits"], told[LUMA]["extensions"]) == (False, True)
    assert not told["imagine-text-to-video"]["edits"]


async def test_what_makes_no_sense_is_refused_by_name(gateway: JobsGateway) -> None:
    source = await gateway.finished(model=SERVER)
    at_work = await gateway.created(a_prompt("[[never]]"), model=SERVER)
    failed = await gateway.created(a_prompt("[[fail after=0]]"), model=SERVER)
    await gateway.reached(failed["id"], "failed")
    ours = {"id": source["id"]}
    secret = source["reelgate"]["provider_id"]
    for path, body, status, code, param in (
        (EDITS, {}, 422, "invalid_request", "video"),
        (EDITS, {"video": {}}, 422, "invalid_request", "video"),
        (EDITS, {"video": {"file_id": "f"}}, 422, "invalid_request", "video"),
        (EDITS, {"video": ours | {"video_url": "https://x"}}, 422, "invalid_request", "video"),
        (EDITS, {"video": ours, "seconds": "4"}, 422, "invalid_request", "duration"),
        (EDITS, {"video": ours, "seed": 4}, 422, "invalid_request", "seed"),
        (EXTENSIONS, {"video": ours}, 422, "invalid_request", "video"),
        # Without the video another one would be made, and paid for.
        (EXTENSIONS, {"video": ours, "strict": False}, 422, "invalid_request", "video"),
        (EDITS, {"video": {"id": f"video_{0:032x}"}}, 404, "video_not_found", "video_id"),
        (EDITS, {"video": {"id": at_work["id"]}}, 409, "video_not_ready", None),
        (EDITS, {"video": {"id": failed["id"]}}, 404, "video_not_found", None),
        # An id at the upstream is taken from nobody: its account may have made it for others.
        (
            EDITS,
            {"model": SERVER, "video": {"video_url": f"own:{secret}"}},
            422,
            "invalid_request",
            "video",
        ),
    ):
        refused = await change(gateway, path, **body)
        assert is_refused(refused, status, code, param), (path, body, refused.text)
    role = [{"video_url": "https://cat.example/cat.mp4", "role": "edit"}]
    held = await gateway.create(a_prompt(), model=SERVER, input_references=role)
    assert held.status == 422


async def test_a_form_may_be_filled_in_by_hand(gateway: JobsGateway) -> None:
    """As curl does it; and a file that is no video is told as such."""

    async def send(path: str, **fields: Json) -> Reply:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in {"prompt": a_prompt(), "model": SERVER, **fields}.items():
            form.add_field(name, value, filename="f" if isinstance(value, bytes) else None)
        async with gateway.session.post(gateway.url + path, data=form) as response:
            return Reply(response.status, response.headers, await response.text())

    source = await gateway.finished(model=SERVER)
    for fields in (
        {"video[id]": source["id"]},
        {"video": f'{{"id": "{source["id"]}"}}'},
        {"video": movie()},
    ):
        made = await send(EXTENSIONS, seconds="4", **fields)
        assert made.status == 200, made.text
    assert is_refused(
        await send(EDITS, video=b"\x89PNG\r\n\x1a\n"), 422, "invalid_request", "video"
    )
    assert is_refused(await send(EDITS, video="a cat"), 422, "invalid_request", "video")
    assert is_refused(await send("/v1/videos", video=movie()), 422, "invalid_request", "video")
