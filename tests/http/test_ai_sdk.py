"""The Vercel AI SDK's wire where the SDK itself does not go; `test_node_sdks.py` runs the SDK."""

from __future__ import annotations

import base64
from typing import Any

from tests.gateway import a_prompt
from tests.images.pictures import a_picture

from .jobs import READY_AT_ONCE, JobsGateway

START = "/v1/ai/video-model/start"
MODEL = {"ai-model-id": "sora-2"}
PICTURE = {"type": "file", "mediaType": "image/png", "data": base64.b64encode(a_picture()).decode()}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "prompt is missing"),
    ({"prompt": "x", "n": 2}, "n is 1 here"),
    ({"prompt": "x", "fps": 24}, "takes no fps"),
    ({"prompt": "x", "resolution": "1x1"}, "size '1x1'"),
    ({"prompt": "x", "resolution": "1280x720", "aspectRatio": "1:1"}, "aspectRatio and resolution"),
    ({"prompt": "x", "image": {"type": "file"}}, "image is missing"),
    ({"prompt": "x", "image": {**PICTURE, "mediaType": "application/pdf"}}, "image: "),
    ({"prompt": "x", "image": {**PICTURE, "data": "cat"}}, "input_reference"),
    ({"prompt": "x", "callbackUrl": "http://10.0.0.1/"}, "webhook_url"),
    ({"prompt": "x", "providerOptions": {"reelgate": {"prompt": 3}}}, "prompt 3"),
]


async def test_what_cannot_be_made_is_refused_by_name_and_nothing_is_sent(
    gateway: JobsGateway,
) -> None:
    for body, says in WRONG:
        reply = await gateway.call("POST", START, json=body, headers=MODEL)
        assert reply.status in {400, 422}, reply
        assert says in reply.body["error"]["message"]
    assert not gateway.rows("x")
    reply = await gateway.call("POST", START, json={"prompt": "x"}, headers={"ai-model-id": "y"})
    assert reply.code == "model_not_found"


async def test_a_picture_is_where_the_video_begins(gateway: JobsGateway) -> None:
    prompt = a_prompt(READY_AT_ONCE)
    body = {"prompt": prompt, "image": PICTURE, "duration": 5}
    started = await gateway.call("POST", START, json=body, headers=MODEL)
    video_id = started.body["operation"]["id"]
    await gateway.reached(video_id, "completed")
    [submit] = await gateway.submits(prompt)
    assert submit["outcome"] == "accepted"
    status = {"operation": {"id": video_id}}
    reply = await gateway.call("POST", "/v1/ai/video-model/status", json=status)
    [movie] = reply.body["videos"]
    assert base64.b64decode(movie["data"])[4:8] == b"ftyp"
