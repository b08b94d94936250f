"""The real `lumaai` SDK against the stand-in for Luma."""

from __future__ import annotations

import lumaai
import pytest
from lumaai import AsyncLumaAI

from reelgate.sandbox import Sandbox, SandboxOptions
from tests.gateway import until


async def test_it_makes_lists_and_deletes_a_video() -> None:
    async with (
        Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as sandbox,
        AsyncLumaAI(base_url=f"{sandbox.url}/luma/dream-machine/v1", auth_token="k") as client,
    ):
        made = await client.generations.video.create(
            prompt="a lighthouse", model="ray-2", duration="5s", resolution="720p"
        )
        assert made.id is not None
        assert made.state == "queued"

        async def is_over() -> bool:
            return (await client.generations.get(str(made.id))).state == "completed"

        await until(is_over)
        done = await client.generations.get(made.id)
        assert done.assets is not None
        assert str(done.assets.video).endswith(".mp4")
        listed = await client.generations.list(limit=10)
        assert [each.id for each in listed.generations] == [made.id]
        await client.generations.delete(made.id)
        with pytest.raises(lumaai.BadRequestError, match="moderation"):
            await client.generations.video.create(
                prompt="a cat [[moderated at=submit]]", model="ray-2"
            )
