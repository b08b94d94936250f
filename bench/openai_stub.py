"""An upstream of OpenAI's video shape that answers at once: `python bench/openai_stub.py PORT`."""

from __future__ import annotations

import itertools
import sys
import time

from aiohttp import web

NUMBERS = itertools.count()


def video(video_id: str) -> web.Response:
    """The object, as OpenAI documents it."""
    return web.json_response(
        {
            "id": video_id,
            "object": "video",
            "model": "sora-2",
            "status": "queued",
            "progress": 0,
            "created_at": int(time.time()),
            "completed_at": None,
            "expires_at": None,
            "prompt": "x",
            "seconds": "4",
            "size": "720x1280",
            "remixed_from_video_id": None,
            "error": None,
        }
    )


async def create(request: web.Request) -> web.Response:
    await request.read()
    return video(f"video_{next(NUMBERS):032x}")


async def retrieve(request: web.Request) -> web.Response:
    return video(request.match_info["video_id"])


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.post("/v1/videos", create), web.get("/v1/videos/{video_id}", retrieve)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
