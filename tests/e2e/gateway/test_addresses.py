"""Addresses as people spell them: HEAD, a slash at the end, and what was meant by a wrong one."""

from __future__ import annotations

import io

import aiohttp
import pytest

from tests.gateway import GENERATIONS, Gateway, Reply, a_prompt
from tests.http.jobs import NEVER, VIDEOS, JobsGateway, is_refused


@pytest.fixture
async def jobs(gateway: Gateway) -> JobsGateway:
    return JobsGateway(gateway.url, gateway.session, gateway.data_dir, gateway.sandbox_url)


async def asked(jobs: JobsGateway, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """An answer: its status, the headers that do not differ from answer to answer, its body."""
    async with jobs.session.request(method, jobs.url + path) as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        for passing in ("date", "x-request-id", "transfer-encoding"):
            headers.pop(passing, None)
        return response.status, headers, await response.read()


async def test_head_answers_as_get_does_wherever_get_is(jobs: JobsGateway) -> None:
    running = (await jobs.created(a_prompt(NEVER)))["id"]
    finished = (await jobs.finished())["id"]
    document = (await jobs.call("GET", "/openapi.json")).body
    concrete = {"{video_id}": finished, "{model}": "veo-3.1"}
    told = document["paths"].items()
    # Metrics are other ones at each scrape.
    paths = [path for path, operations in told if "get" in operations and path != "/metrics"]
    paths += ["/docs", "/redoc", "/openapi.json", f"{VIDEOS}/video_0"]
    paths += [f"{VIDEOS}/{running}/content", f"{VIDEOS}?limit=0", "/v1/models/nobody"]
    for template in paths:
        path = template
        for name, value in concrete.items():
            path = path.replace(name, value)
        *head, nothing = await asked(jobs, "HEAD", path)
        *get, _ = await asked(jobs, "GET", path)
        assert (head, nothing) == (get, b""), path


async def test_head_of_a_stream_that_goes_on_ends_at_once(jobs: JobsGateway) -> None:
    running = (await jobs.created(a_prompt(NEVER)))["id"]
    head = await jobs.call("HEAD", f"{VIDEOS}/{running}/events")
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Type"].startswith("text/event-stream")


async def test_head_belongs_to_what_an_address_takes(jobs: JobsGateway) -> None:
    wrong = await jobs.call("PATCH", "/v1/models")
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    none = await jobs.call("HEAD", GENERATIONS)
    assert (none.status, none.headers["Allow"]) == (405, "POST")


async def test_a_slash_too_many_is_served_and_not_redirected(jobs: JobsGateway) -> None:
    async def call(method: str, path: str, json: object = None) -> Reply:
        url = jobs.url + path
        async with jobs.session.request(method, url, json=json, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.text())

    for before, after in (("", "/"), ("", "//"), ("/", "")):
        videos = before + VIDEOS
        created = await call("POST", videos + after, {"prompt": a_prompt(NEVER)})
        assert created.status == 200, created
        video = created.body["id"]
        assert (await call("GET", f"{videos}/{video}{after}")).body["id"] == video
        assert (await call("GET", videos + after)).body["data"][0]["id"] == video
        assert (await call("GET", f"{before}/v1/models{after}")).status == 200
        assert (await call("POST", before + GENERATIONS + after, {"prompt": ""})).status == 422
        cancelled = await call("POST", f"{videos}/{video}/cancel{after}")
        assert cancelled.body["error"]["code"] == "cancelled"


MEANT = (
    ("/videos", "/v1/videos"),
    ("/v1/video", "/v1/videos"),
    ("/v1/v1/videos", "/v1/videos"),
    ("/api/v1/videos", "/v1/videos"),
    ("/openai/v1/videos", "/v1/videos"),
    ("/v1/videos/video_1/cancle", "/v1/videos/{video_id}/cancel"),
    ("/imagine-text-to-video/generations", GENERATIONS),
    ("/v1/completely/else", "/v1/"),
    ("/" + "x" * 5000, "/v1/"),
)


async def test_a_wrong_address_is_404_with_a_hint_whatever_the_body_is(jobs: JobsGateway) -> None:
    for path, meant in MEANT:
        form = aiohttp.FormData({"prompt": "a cat"}, default_to_multipart=True)
        form.add_field("input_reference", io.BytesIO(b"x" * 2_000_000), filename="cat.png")
        async with jobs.session.post(jobs.url + path, data=form) as response:
            of_form = Reply(response.status, response.headers, await response.text())
        for reply in (
            of_form,
            await jobs.call("POST", path, data=b"prompt=a+cat"),
            await jobs.call("POST", path, json={"prompt": "a cat"}),
        ):
            assert is_refused(reply, 404, "not_found")
            assert meant in reply.body["detail"]
            assert len(reply.text) < 1000


async def test_a_form_to_a_model_that_does_not_exist_names_those_that_do(
    jobs: JobsGateway,
) -> None:
    form = aiohttp.FormData({"prompt": "a cat"}, default_to_multipart=True)
    async with jobs.session.post(f"{jobs.url}/v1/images/generations", data=form) as response:
        reply = Reply(response.status, response.headers, await response.text())
    assert is_refused(reply, 404, "model_not_found", "model")
