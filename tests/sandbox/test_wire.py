from __future__ import annotations

import asyncio
import gc
import json
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import aiohttp
import pytest

from reelgate.sandbox import SandboxOptions
from tests.gateway import soon

from .sandbox_caller import PARTS, TINY, calling


async def test_a_submit_is_answered_with_ids_cost_and_success() -> None:
    async with calling() as caller, caller.post_submit("a cat") as response:
        answer = await response.json()
    assert response.status == 200
    assert set(answer) == {"batchId", "cost", "id", "status"}
    assert answer["status"] == "success"
    assert UUID(answer["id"]) != UUID(answer["batchId"])
    assert answer["cost"] == 5


async def test_a_job_goes_from_rendering_to_a_served_video() -> None:
    async with calling() as caller:
        job_id = await caller.submit("a cat [[ready after=0.5]]")
        early = await caller.status(job_id)
        assert await caller.head(job_id) == 404
        await caller.ready(job_id)
        late = await caller.status(job_id)
        assert early["status"] in {"queued", "generating"}
        assert not any(asset["url"]["generation"] for asset in early["assets"])
        assert late["status"] == "finished"
        assert late["assets"][0]["url"]["generation"] == [f"{caller.url}/processed/{job_id}"]


async def test_a_caller_who_leaves_while_the_file_is_opened_leaves_no_file_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened, left = threading.Event(), threading.Event()
    open_file = Path.open

    def open_slowly(path: Path, mode: str = "r") -> IO[Any]:
        file = open_file(path, mode)
        opened.set()
        left.wait()
        return file

    def is_answering() -> bool:
        return any("RequestHandler." in str(task.get_coro()) for task in asyncio.all_tasks())

    async with calling() as caller:
        job_id = await caller.ready(await caller.submit("a cat"))
        await caller.session.close()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            monkeypatch.setattr(Path, "open", open_slowly)
            async with aiohttp.ClientSession() as session:
                asked = asyncio.create_task(session.get(f"{caller.url}/processed/{job_id}"))
                await asyncio.to_thread(opened.wait)
                asked.cancel()
                await asyncio.wait([asked])
            await soon(lambda: not is_answering())
            left.set()
            monkeypatch.undo()
            await soon(lambda: len(asyncio.all_tasks()) == 1)
        gc.collect()
    assert [str(warning.message) for warning in found] == []


async def test_every_answer_says_that_it_is_the_sandbox() -> None:
    async with calling() as caller:
        for path in ("/v1/credit?org_id=o", "/nowhere", "/processed/none", "/_sandbox"):
            async with caller.session.get(caller.url + path) as response:
                assert response.headers["Reelgate-Sandbox"] == "true", path


async def test_ranges_etags_and_heads_are_served_as_by_an_asset_host() -> None:
    async with calling() as caller:
        job_id = await caller.ready(await caller.submit("a cat"))
        whole = await caller.fetch(job_id)
        assert whole[4:8] == b"ftyp"
        assert await caller.fetch(job_id, Range="bytes=4-7") == b"ftyp"
        assert await caller.fetch(job_id, Range="bytes=-5") == whole[-5:]
        url = f"{caller.url}/processed/{job_id}"
        async with caller.session.head(url) as head:
            assert int(head.headers["Content-Length"]) == len(whole)
            assert head.headers["Content-Type"] == "video/mp4"
            assert head.headers["Accept-Ranges"] == "bytes"
        beyond = {"Range": f"bytes={len(whole)}-"}
        async with caller.session.get(url, headers=beyond) as response:
            assert response.status == 416
        same = {"If-None-Match": head.headers["ETag"]}
        async with caller.session.get(url, headers=same) as response:
            assert response.status == 304


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"style_id": ""}, "style_id"),
        ({"style_id": "fast"}, "style_id"),
        ({"variation": "video_to_video"}, "variation"),
        ({"count": "2"}, "count"),
        ({"aspect_ratio": "wide"}, "aspect_ratio"),
        ({"duration": "5.5"}, "duration"),
        ({"duration": ""}, "duration"),
        ({"resolution": "8k"}, "resolution"),
        ({"org_id": ""}, "org_id"),
        ({"is_enhance": "true"}, "is_enhance"),
        ({"metadata": "{"}, "metadata"),
        ({"image_url": "http://x/y.png"}, "image_url"),
        ({"variation": "image_to_video"}, "image_url"),
        ({"variation": "reference_to_video", "image_url": "http://x"}, "image_url"),
        ({"variation": "reference_to_video"}, "image_url"),
        (
            {"variation": "reference_to_video", "image_url": "{}", "style_id": "22309"},
            "Unable to make this video without a video_url",
        ),
    ],
)
async def test_a_wrong_part_is_named(changed: dict[str, str], word: str) -> None:
    async with calling() as caller:
        async with caller.post_submit("a cat", **changed) as response:
            assert response.status == 400
            assert word in (await response.json())["message"]
        assert len(caller.sandbox.jobs) == 0


async def test_prompts_have_1_to_2000_characters() -> None:
    async with calling() as caller:
        for prompt, status in (("", 400), ("x" * 2000, 200), ("x" * 2001, 400)):
            async with caller.post_submit(prompt) as response:
                assert response.status == status


async def test_a_submit_that_is_no_form_is_refused() -> None:
    async with calling() as caller:
        url = f"{caller.url}/v1/video/upload"
        async with caller.session.post(url, json={**PARTS, "prompt": "a cat"}) as response:
            assert response.status == 400
        torn = {"Content-Type": "multipart/form-data; boundary=b"}
        async with caller.session.post(url, data=b"--b\r\nhalf", headers=torn) as response:
            assert response.status == 400


async def test_image_variations_take_their_references() -> None:
    reference = json.dumps({"url": "http://x/y.png", "id": "1"})
    async with calling() as caller:
        await caller.submit("a", variation="image_to_video", image_url="http://x/y.png")
        for style in ("21905", "60503"):
            await caller.submit(
                "a", variation="reference_to_video", image_url=reference, style_id=style
            )
        # A style without references silently starts from the picture.
        assert [job.variation for job in caller.sandbox.jobs] == [
            "image_to_video",
            "reference_to_video",
            "image_to_video",
        ]


async def test_a_reference_image_can_be_uploaded_and_fetched() -> None:
    async with calling() as caller:
        form = aiohttp.FormData({"ref_service": "0", "title": "t", "org_id": "o"})
        form.add_field("file", b"\x89PNG", filename="a.png", content_type="image/png")
        async with caller.session.post(f"{caller.url}/v1/assets/upload", data=form) as response:
            url = (await response.json())["url"]["processed"][0]
        async with caller.session.get(url) as response:
            assert (response.content_type, await response.read()) == ("image/png", b"\x89PNG")


async def test_a_text_file_is_no_reference_image() -> None:
    async with calling() as caller:
        form = aiohttp.FormData({"ref_service": "0", "title": "t", "org_id": "o"})
        form.add_field("file", b"text", filename="a.txt", content_type="text/plain")
        async with caller.session.post(f"{caller.url}/v1/assets/upload", data=form) as response:
            assert response.status == 400


async def test_a_request_without_the_right_bearer_gets_401() -> None:
    options = replace(TINY, token="right")
    async with calling(options, token="wrong") as caller:
        async with caller.post_submit("a cat") as response:
            assert response.status == 401
        async with caller.session.get(f"{caller.url}/team/org") as response:
            assert response.status == 401
    async with calling(options, token="right") as caller:
        assert await caller.submit("a cat")


async def test_the_asset_host_asks_for_no_bearer() -> None:
    async with calling() as caller, aiohttp.ClientSession() as anonymous:
        job_id = await caller.ready(await caller.submit("a cat"))
        async with anonymous.get(f"{caller.url}/processed/{job_id}") as response:
            assert response.status == 200


async def test_a_refresh_rotates_both_tokens_and_a_second_use_of_the_old_one_ends_all() -> None:
    options = replace(TINY, token="old", refresh_token="refresh")
    async with calling(options, token="refresh") as caller, aiohttp.ClientSession() as plain:
        url = f"{caller.url}/auth/auth/other/refresh/web"
        async with caller.session.post(url) as response:
            pair = (await response.json())["result"]
        for token, status in (("old", 401), (pair["sessionToken"], 200)):
            headers = {"Authorization": f"Bearer {token}"}
            async with plain.get(f"{caller.url}/team/org", headers=headers) as response:
                assert response.status == status
        again = {"Authorization": f"Bearer {pair['refreshToken']}"}
        async with plain.post(url, headers=again) as response:
            assert response.status == 200
            newest = (await response.json())["result"]
        async with caller.session.post(url) as response:
            assert response.status == 401
        headers = {"Authorization": f"Bearer {newest['sessionToken']}"}
        async with plain.get(f"{caller.url}/team/org", headers=headers) as response:
            assert response.status == 401


async def test_credits_fall_with_every_accepted_submit_until_none_is_left() -> None:
    async with calling(replace(TINY, credits=29)) as caller:
        await caller.submit("a", duration="12", resolution="1080p")
        async with caller.session.get(f"{caller.url}/v1/credit?org_id=o") as response:
            assert await response.json() == {"total": 5, "tokens": 5}
        await caller.submit("b")
        async with caller.post_submit("c") as response:
            assert response.status == 402


async def test_the_account_lists_its_organisation_and_its_folder() -> None:
    async with calling() as caller:
        async with caller.session.get(f"{caller.url}/team/org") as response:
            (org,) = (await response.json())["data"]
        url = f"{caller.url}/team/org/asset/?org_id={org['id']}&is_personal=true"
        async with caller.session.get(url) as response:
            data = (await response.json())["data"]
        assert [entry["category"] for entry in data] == ["folder", "canvas"]


async def test_the_record_shows_every_request_and_no_token() -> None:
    async with calling(token="very-secret") as caller:
        job_id = await caller.submit("a cat")
        await caller.status(job_id)
        await caller.ready(job_id)
        record = await caller.record()
        (submit,) = (await caller.record(operation="submit"))["data"]
        assert (submit["prompt"], submit["id"], submit["outcome"]) == ("a cat", job_id, "accepted")
        assert record["counts"]["submit"] == {"accepted": 1}
        assert record["counts"]["asset"]["ready"] == 1
        assert "very-secret" not in json.dumps(record)
        async with caller.session.delete(f"{caller.url}/_sandbox/requests") as response:
            assert response.status == 204
        assert (await caller.record())["data"] == []


async def test_the_record_is_bounded() -> None:
    async with calling(replace(TINY, max_records=3)) as caller:
        for _ in range(5):
            await caller.status("none")
        record = await caller.record()
        assert len(record["data"]) == 3
        assert record["counts"]["status"] == {"unknown": 5}


async def test_a_thousand_submits_at_once_are_all_accepted_and_rendered_once() -> None:
    async with calling() as caller:
        ids = await asyncio.gather(*(caller.submit("one prompt") for _ in range(1000)))
        assert len(set(ids)) == 1000
        await caller.ready(ids[-1])
        async with caller.session.get(f"{caller.url}/_sandbox/jobs") as response:
            jobs = (await response.json())["data"]
        assert {job["id"] for job in jobs} == set(ids)
        assert len({job["ready_at"] - job["accepted_at"] for job in jobs}) > 100


async def test_a_request_to_an_unknown_path_is_on_record_too() -> None:
    async with calling() as caller:
        async with caller.session.put(f"{caller.url}/v1/video/upload") as response:
            assert response.status == 404
        (recorded,) = (await caller.record())["data"]
        assert (recorded["operation"], recorded["method"]) == ("other", "PUT")


async def test_a_body_over_the_limit_is_refused() -> None:
    async with (
        calling(replace(TINY, max_request_bytes=1000)) as caller,
        caller.post_submit("x" * 1500) as response,
    ):
        assert response.status == 413


def test_options_hide_their_tokens_and_refuse_nonsense() -> None:
    options = SandboxOptions(token="very-secret", refresh_token="very-secret")
    assert "very-secret" not in repr(options)
    for wrong in ({"speed": 0.0}, {"render_workers": 0}, {"max_short_side_px": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            replace(options, **wrong)
