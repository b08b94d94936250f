"""
title: Reelgate
description: Makes videos from text with a Reelgate gateway.
version: 1.0.0
"""

# Open WebUI: Workspace, Tools, New tool; paste this, save, and set the gateway's address in the
# valves.

import asyncio
import uuid

import aiohttp
from pydantic import BaseModel, Field

OVER = {"completed", "failed"}
POLL_S = 2.0


class Tools:
    class Valves(BaseModel):
        server: str = Field("http://localhost:8000", description="The gateway's address.")
        api_key: str = Field("", description="Its API key, if it asks for one.")
        model: str = Field("", description="The model; empty: the gateway's own choice.")

    def __init__(self):
        self.valves = self.Valves()

    async def generate_video(self, prompt: str, seconds: int = 5, __event_emitter__=None) -> str:
        """
        Make a video. It costs money and takes minutes; call this once for each video.
        :param prompt: What the video shows.
        :param seconds: How long it is.
        """
        valves = self.valves
        body = {"prompt": prompt, "seconds": seconds}
        if valves.model:
            body["model"] = valves.model
        # A lost answer is asked for again with the same key, and paid for once.
        headers = {"Idempotency-Key": f"open-webui-{uuid.uuid4()}"}
        if valves.api_key:
            headers["Authorization"] = f"Bearer {valves.api_key}"
        async with aiohttp.ClientSession(valves.server, headers=headers) as session:
            try:
                url = await finished(session, body, __event_emitter__)
            except (Refused, aiohttp.ClientError) as error:
                await tell(__event_emitter__, "No video was made.", done=True)
                return f"No video was made: {error}"
        await tell(__event_emitter__, "The video is ready.", done=True)
        return f"The video is ready. Show this link to the user: [{prompt}]({url})"


# Not methods: Open WebUI offers every method of Tools to the model.


class Refused(Exception):
    pass


async def finished(session, body, emit):
    video = await ask(session, "POST", "/v1/videos", json=body)
    while video["status"] not in OVER:
        await tell(emit, f"{video['status']}, {video['progress']} %")
        await asyncio.sleep(POLL_S)
        video = await ask(session, "GET", f"/v1/videos/{video['id']}")
    if video["status"] == "failed":
        raise Refused(video["error"]["message"])
    # A link that needs no API key, for a day.
    return (await ask(session, "POST", f"/v1/videos/{video['id']}/share", json={}))["content_url"]


async def ask(session, method, path, json=None, tries=3):
    try:
        async with session.request(method, path, json=json) as answer:
            body = await answer.json(content_type=None)
            if not answer.ok:
                raise Refused(body["detail"])
            return body
    except aiohttp.ClientConnectionError:
        if tries == 1:
            raise
        await asyncio.sleep(POLL_S)
        return await ask(session, method, path, json, tries - 1)


async def tell(emit, description, *, done=False):
    if emit is not None:
        await emit({"type": "status", "data": {"description": description, "done": done}})
