"""Pictures for tests, and requests that hold them."""

from __future__ import annotations

import base64
import io
from typing import Any

from aiohttp import FormData
from PIL import Image

from tests.gateway import Gateway, Reply

MODEL = "kling-o3"
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}


def a_picture(media_type: str = "image/png", colour: int = 0) -> bytes:
    """A small picture; each colour (0 to 255) is another one."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(buffer, _FORMATS[media_type])
    return buffer.getvalue()


def a_data_url(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


async def ask(gateway: Gateway, prompt: str, reference: object, **fields: object) -> Reply:
    """Ask for a video by JSON."""
    body = {"model": MODEL, "prompt": prompt, "input_reference": reference, **fields}
    return await gateway.call("POST", "/v1/videos", json=body)


async def send_form(gateway: Gateway, form: FormData, **headers: str) -> Reply:
    """Ask for a video by a form."""
    url = f"{gateway.url}/v1/videos"
    async with gateway.session.post(url, data=form, headers=headers) as response:
        return Reply(response.status, response.headers, await response.text())


async def sent(gateway: Gateway) -> list[dict[str, Any]]:
    """The submits and uploads that the sandbox was sent; a catalogue is fetched at any time."""
    asked = await gateway.requests()
    return [seen for seen in asked if seen["operation"] in {"submit", "upload"}]


async def uploads(gateway: Gateway) -> list[dict[str, Any]]:
    """The pictures that the sandbox was sent since it started."""
    return [seen for seen in await gateway.requests() if seen["operation"] == "upload"]
