"""The real `openrouter` SDK against the stand-in for OpenRouter."""

from __future__ import annotations

import pytest
from openrouter import OpenRouter
from openrouter.errors import ForbiddenResponseError

from reelgate.sandbox import Sandbox, SandboxOptions
from tests.gateway import until


async def test_it_reads_the_catalogue_and_makes_a_video() -> None:
    async with (
        Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as sandbox,
        OpenRouter(api_key="k", server_url=f"{sandbox.url}/openrouter/api/v1") as client,
    ):
        videos = client.video_generation
        models = (await videos.list_videos_models_async()).data
        assert [model.id for model in models] == ["sandbox/reel-1", "sandbox/by-tokens"]
        made = await videos.generate_async(
            model="sandbox/reel-1", prompt="a lighthouse", duration=4, resolution="720p"
        )
        assert made.status == "pending"

        async def is_over() -> bool:
            status: object = (await videos.get_generation_async(job_id=made.id)).status
            return status == "completed"

        await until(is_over)
        done = await videos.get_generation_async(job_id=made.id)
        assert done.usage is not None
        assert done.usage.cost == 0.25
        content = await videos.get_video_content_async(job_id=made.id)
        assert (await content.aread())[4:8] == b"ftyp"
        with pytest.raises(ForbiddenResponseError):
            await videos.generate_async(
                model="sandbox/reel-1", prompt="a cat [[moderated at=submit]]"
            )
