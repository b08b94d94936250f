"""Several references on their way to imagine.art's stand-in, and what its models refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.imagine_key.adapter import ImagineKeySettings
from reelgate.sandbox import Sandbox
from tests.gateway import Gateway, Reply, a_gateway, a_prompt, soon

from .pictures import a_data_url, a_picture, sent

PICTURES = [{"image_url": a_data_url(a_picture(colour=colour))} for colour in range(10)]
VIDEO = {"video_url": a_data_url(b"\0\0\0\x18ftypisom and so on", "video/mp4")}
SOUND = {"audio_url": a_data_url(b"ID3 and so on", "audio/mpeg")}


@pytest.fixture
async def all_kinds(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Gateway]:
    """A gateway that is told by which parts videos and sounds go to imagine.art."""
    parts = {"IMAGINE_REFERENCE_PARTS": "video=video_url, audio=audio_url"}
    own = ImagineSettings.model_validate(parts)
    async with a_gateway(tmp_path, sandbox.url, providers={"imagine": own}) as running:
        yield running


async def ask(gateway: Gateway, model: str, *told: object, **more: object) -> Reply:
    body = {"model": model, "prompt": a_prompt(), "input_references": told, **more}
    return await gateway.call("POST", "/v1/videos", json=body)


async def made(gateway: Gateway, model: str, *told: object) -> str:
    """How the stand-in was asked to make a video of these."""
    prompt = a_prompt()
    reply = await ask(gateway, model, *told, prompt=prompt)
    assert reply.status == 200, reply
    await soon(lambda: gateway.rows(prompt)[0]["state"] == "completed")
    [job] = await gateway.accepted(prompt)
    return str(job["variation"])


async def test_several_pictures_are_references_and_one_is_where_it_starts(gateway: Gateway) -> None:
    assert await made(gateway, "seedance-2.0", *PICTURES[:3]) == "reference_to_video"
    assert await made(gateway, "veo-3.1", *PICTURES[:2]) == "reference_to_video"
    assert await made(gateway, "happy_horse", PICTURES[0]) == "image_to_video"


async def test_what_a_model_would_silently_ignore_is_refused_by_name(gateway: Gateway) -> None:
    for model, told, more, param, why in (
        ("kling-o3", PICTURES[:2], {}, "input_references", "takes no input_references"),
        ("veo-3.1-fast", PICTURES[:2], {}, "input_references", "takes no input_references"),
        ("veo-3.1", PICTURES[:4], {}, "input_references", "up to 3 pictures"),
        ("seedance-2.0", PICTURES, {}, "input_references", "up to 9 pictures"),
        # No source tells by which part a video goes there.
        ("seedance-2.0", [VIDEO], {}, "input_references", "is a video"),
        ("wan-2.6", [VIDEO], {}, "input_references", "takes no input_references"),
        ("veo-3.1", [], {"last_frame": PICTURES[0]}, "last_frame", "takes no last_frame"),
        ("veo-3.1", PICTURES[:1], {"first_frame": PICTURES[1]}, "input_reference", "together"),
    ):
        reply = await ask(gateway, model, *told, **more)
        assert (reply.status, reply.body["error"]["param"]) == (422, param), reply.text
        assert why in reply.body["detail"]
    assert await sent(gateway) == []


async def test_videos_and_sounds_go_along_once_their_parts_are_told(all_kinds: Gateway) -> None:
    assert await made(all_kinds, "wan-2.6", VIDEO) == "reference_to_video"
    assert await made(all_kinds, "seedance-2.0", PICTURES[0], SOUND) == "reference_to_video"
    refused = await ask(all_kinds, "wan-2.6", PICTURES[0])
    assert refused.status == 422
    assert "is a picture: wan-2.6 takes videos" in refused.body["detail"]


async def test_a_picture_is_kept_for_its_submit_across_a_restart(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    address = {"IMAGINE_API_KEY": "vk-of-nobody", "IMAGINE_KEY_API_URL": f"{sandbox.url}/v2"}
    own = {"imagine_key": ImagineKeySettings.model_validate(address)}
    prompt = a_prompt("[[429 retry-after=1 times=1]]")
    async with a_gateway(tmp_path, sandbox.url, providers=own) as first:
        body = {"model": "kling-1.0-pro", "prompt": prompt, "input_reference": PICTURES[0]}
        reply = await first.call("POST", "/v1/videos", json=body)
        assert reply.status == 200, reply
        await soon(lambda: first.rows(prompt)[0]["attempts"] == 1)
        kept = [file.name for file in (tmp_path / "videos").glob("reference-*")]
        assert len(kept) == 1
    async with a_gateway(tmp_path, sandbox.url, providers=own) as second:
        await soon(lambda: second.rows(prompt)[0]["state"] == "completed")
        [job] = await second.accepted(prompt)
        assert job["variation"] == "image_to_video"
