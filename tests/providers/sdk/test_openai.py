"""The real `openai` Python SDK against the stand-in for `/v1/videos` servers."""

from __future__ import annotations

import openai
import pytest
from openai import AsyncOpenAI

from reelgate.sandbox import Sandbox, SandboxOptions

pytestmark = pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


async def test_it_makes_lists_reads_and_deletes_a_video() -> None:
    async with (
        Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as sandbox,
        AsyncOpenAI(base_url=f"{sandbox.url}/videos/v1", api_key="k") as client,
    ):
        video = await client.videos.create_and_poll(
            prompt="a lighthouse",
            model="wan-2.2",
            seconds="4",
            size="1280x720",
            input_reference=("first.png", PNG, "image/png"),
            poll_interval_ms=5,
        )
        assert (video.status, video.seconds, video.size) == ("completed", "4", "1280x720")
        [job] = sandbox.jobs
        assert (job.details["body"], job.details["picture"]) == ("multipart/form-data", "image/png")
        content = await client.videos.download_content(video.id)
        assert content.content[4:8] == b"ftyp"
        assert [each.id async for each in client.videos.list()] == [video.id]
        assert (await client.videos.delete(video.id)).deleted
        with pytest.raises(openai.BadRequestError) as refused:
            await client.videos.create(prompt="a cat [[moderated at=submit]]", model="wan-2.2")
        assert refused.value.code == "moderation_blocked"
