"""The gateway that everybody writes first: FastAPI, httpx, and a loop that sleeps and asks.

`python bench/plain_loop.py PORT SANDBOX_URL [SLEEP_S]`. It serves the blocking endpoint as
its users describe it: submit, then up to 30 times sleep 10 s and HEAD the file, a new client for
each request, nothing kept. It is what the other benchmarks compare with, so it is written the
common way and not made slower than it is. `httpx2` is httpx's successor with the same interface.
"""

import asyncio
import json
import sys
import uuid
from typing import Any

import httpx2 as httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

POLLS = 30
SUBMIT_TIMEOUT_S = 60.0
POLL_TIMEOUT_S = 10.0


class Generation(BaseModel):
    """What a caller asks for."""

    prompt: str
    aspect_ratio: str = "16:9"
    duration: int = 12
    resolution: str = "1080p"
    style_id: int = 60503
    is_enhance: bool = True


def create_app(sandbox_url: str, sleep_s: float) -> FastAPI:
    """The application; `sleep_s` is 10 against the real thing and less against a fast sandbox."""
    app = FastAPI()

    @app.post("/v1/imagine-text-to-video/generations")
    async def generate(request: Generation) -> dict[str, Any]:
        submitted = await submit(sandbox_url, request)
        video_url = f"{sandbox_url}/processed/{submitted['id']}"
        ready = await wait(video_url, sleep_s)
        return {
            "id": submitted["id"],
            "status": "COMPLETED" if ready else "PROCESSING",
            "video_url": video_url,
            "batch_id": submitted.get("batchId", ""),
        }

    return app


async def submit(sandbox_url: str, request: Generation) -> dict[str, Any]:
    """Send the form; returns the upstream's id."""
    parts = {
        "prompt": request.prompt,
        "style_id": str(request.style_id),
        "variation": "text_to_video",
        "aspect_ratio": request.aspect_ratio,
        "count": "1",
        "duration": str(request.duration),
        "resolution": request.resolution,
        "org_id": "bench",
        "is_enhance": "1" if request.is_enhance else "0",
        "metadata": json.dumps({"placeholderUuid": str(uuid.uuid4())}),
    }
    files = {name: (None, value) for name, value in parts.items()}
    async with httpx.AsyncClient(timeout=SUBMIT_TIMEOUT_S) as client:
        answer = await client.post(
            f"{sandbox_url}/v1/video/upload",
            files=files,
            headers={"Authorization": "Bearer bench"},
        )
    if answer.status_code != httpx.codes.OK:
        raise HTTPException(502, "submit failed")
    body: dict[str, Any] = answer.json()
    return body


async def wait(video_url: str, sleep_s: float) -> bool:
    """Ask again and again; whether the video was there in the end."""
    for _ in range(POLLS):
        await asyncio.sleep(sleep_s)
        try:
            async with httpx.AsyncClient(timeout=POLL_TIMEOUT_S) as client:
                answer = await client.head(video_url)
        except httpx.HTTPError:
            continue
        if answer.status_code == httpx.codes.OK:
            return True
    return False


if __name__ == "__main__":
    port, url = int(sys.argv[1]), sys.argv[2]
    pause_s = float(sys.argv[3]) if len(sys.argv) > 3 else 10.0
    uvicorn.run(
        create_app(url, pause_s),
        port=port,
        log_level="warning",
        # A benchmark that is over does not wait for those who still wait.
        timeout_graceful_shutdown=1,
    )
