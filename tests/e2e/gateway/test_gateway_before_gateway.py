"""A gateway in front of another, and a stand-in behind: one video is paid for once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from reelgate.providers.videos_api.adapter import PROVIDER
from reelgate.sandbox import Sandbox
from tests.gateway import TINY, Gateway, Json, a_gateway, a_prompt, soon, until
from tests.http.relay import losing_answers
from tests.images.pictures import a_data_url, a_picture
from tests.media.movies import movie

MODEL = "imagine-text-to-video"
CHANGER = "hunyuan-video"
"""Edits and extends videos."""
VIDEO = {"model": MODEL, "seconds": "5", "size": "1280x720", "style_id": 60503}


@asynccontextmanager
async def before(tmp_path: Path, url: str, sandbox_url: str) -> AsyncIterator[Gateway]:
    """A gateway whose only account is the server at this address."""
    own = PROVIDER.settings.model_validate({"_env_file": None, "api_url": url, "looks_per_s": 50.0})
    async with a_gateway(tmp_path / "front", sandbox_url, providers={"videos": own}) as gateway:
        yield gateway


async def create(gateway: Gateway, prompt: str) -> Json:
    """A new video's object."""
    made = await gateway.call("POST", "/v1/videos", json={"prompt": prompt, **VIDEO})
    assert made.status == 200, made.text
    return made.body


async def ended(gateway: Gateway, video_id: str) -> Json:
    """The video object once it is over."""
    found: dict[str, Json] = {}

    async def is_over() -> bool:
        found.update((await gateway.call("GET", f"/v1/videos/{video_id}")).body)
        return found["status"] in {"completed", "failed"}

    await until(is_over)
    return found


async def test_a_video_through_both_is_paid_for_once_also_if_the_answer_between_is_lost(
    tmp_path: Path,
) -> None:
    lost, plain = a_prompt(), a_prompt()
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path / "back", sandbox.url) as back,
        losing_answers(back.url, losses=0) as relay,
        before(tmp_path, relay.url, sandbox.url) as front,
    ):
        relay.lose(1)
        made = [await create(front, lost)]
        await soon(lambda: relay.lost == 1)
        made.append(await create(front, plain))
        videos = [await ended(front, video["id"]) for video in made]
        for video, prompt in zip(videos, (lost, plain), strict=True):
            assert video["status"] == "completed", video
            [row] = back.rows(prompt)
            assert video["reelgate"]["provider_id"] == row["id"]
            assert len(await back.accepted(prompt)) == 1
            cost = (await ended(back, row["id"]))["reelgate"]["cost"]
            assert video["reelgate"]["cost"] == cost is not None
        path = f"/v1/videos/{videos[0]['id']}/content"
        async with front.session.get(front.url + path) as content:
            assert (await content.read())[4:8] == b"ftyp"


async def test_pictures_pass_through_both(tmp_path: Path) -> None:
    """A first frame goes as a file, and pictures to go by as parts of a form with their bytes."""
    picture = a_picture()
    digest = hashlib.sha256(picture).hexdigest()
    address = {"image_url": a_data_url(picture)}
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path / "back", sandbox.url) as back,
        before(tmp_path, back.url, sandbox.url) as front,
    ):
        held: Json
        for held in ({"input_reference": address}, {"input_references": [address]}):
            prompt = a_prompt("[[never]]")
            body = {"model": "seedance-2.0", "prompt": prompt, "seconds": "5", **held}
            made = await front.call("POST", "/v1/videos", json=body)
            assert made.status == 200, made.text
            await soon(lambda asked=prompt: bool(back.rows(asked)))  # type: ignore[misc]
            [row] = back.rows(prompt)
            assert digest in row["request"]


@pytest.mark.long
async def test_edits_extensions_and_characters_pass_through_both(tmp_path: Path) -> None:
    """By the id that the one behind knows, and by a file; a limit of the price goes along."""
    own = PROVIDER.settings.model_validate({"_env_file": None})
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path / "back", sandbox.url, providers={"videos": own}) as back,
        before(tmp_path, back.url, sandbox.url) as front,
    ):
        source, [file, edit, extend] = a_prompt(), [a_prompt() for _ in range(3)]
        made = await front.call(
            "POST", "/v1/videos", json={"model": CHANGER, "prompt": source, "seconds": "4"}
        )
        assert (await ended(front, made.body["id"]))["status"] == "completed"
        ours = {"video": {"id": made.body["id"]}}
        form = aiohttp.FormData({"prompt": file, "model": CHANGER})
        form.add_field("video", movie(), filename="cat.mp4")
        async with front.session.post(f"{front.url}/v1/videos/edits", data=form) as answer:
            asked = [await answer.json()]
        form = aiohttp.FormData({"name": "Otto", "model": CHANGER})
        form.add_field("video", movie(), filename="otter.mp4")
        async with front.session.post(f"{front.url}/v1/videos/characters", data=form) as answer:
            assert (await answer.json())["name"] == "Otto"
        assert [each.path.rpartition("/")[2] for each in sandbox.recorder].count("characters") == 1
        for path, body in (
            ("edits", {"prompt": edit, "max_price": 5, "allow_unpriced": True}),
            ("extensions", {"prompt": extend, "seconds": "8"}),
        ):
            reply = await front.call("POST", f"/v1/videos/{path}", json=ours | body)
            assert reply.status == 200, reply.text
            asked.append(reply.body)
        for each, prompt in zip(asked, (file, edit, extend), strict=True):
            video = await ended(front, each["id"])
            assert video["status"] == "completed", video
            [row] = back.rows(prompt)
            assert video["reelgate"]["provider_id"] == row["id"]
            inner = (await back.call("GET", f"/v1/videos/{row['id']}")).body
            assert inner["reelgate"]["operation"] == video["reelgate"]["operation"] != "generate"
            assert len(await back.accepted(prompt)) == 1
        [row] = back.rows(edit)
        assert json.loads(row["request"])["max_price"] == 5
        assert row["remixed_from"] == back.rows(source)[0]["id"]


async def test_both_take_and_refuse_the_same(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path / "back", sandbox.url) as back,
        before(tmp_path, back.url, sandbox.url) as front,
    ):
        here, there = [
            (await gateway.call("GET", f"/v1/models/{MODEL}")).body["capabilities"]
            for gateway in (front, back)
        ]
        assert here == there
        prompt = a_prompt()
        body = {"prompt": prompt, **VIDEO, "seconds": "7"}
        assert (await front.call("POST", "/v1/videos", json=body)).status == 422
        assert back.rows(prompt) == []
