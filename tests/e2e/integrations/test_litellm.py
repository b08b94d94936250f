"""LiteLLM's proxy in front of a gateway, installed into an environment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from accept import install_litellm
from openai import AsyncOpenAI
from programs import Program, free_port

from tests.gateway import a_gateway, a_prompt

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-test"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning"),
]


async def test_openais_sdk_makes_a_video_through_litellm(tmp_path: Path, sandbox_url: str) -> None:
    litellm = install_litellm().parent / "litellm"
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        config = tmp_path / "litellm.yaml"
        text = (ROOT / "examples" / "litellm.yaml").read_text()
        config.write_text(text.replace("http://localhost:8000", gateway.url))
        port = free_port()
        proxy = Program(
            "LiteLLM",
            [str(litellm), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"],
            f"http://127.0.0.1:{port}",
            {
                "LITELLM_MASTER_KEY": KEY,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_TELEMETRY": "False",
            },
            ready_path="/health/liveliness",
            start_timeout_s=180,
        )
        prompt = a_prompt("[[ready after=0]]")
        with proxy:
            async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key=KEY) as client:
                video = await client.videos.create_and_poll(
                    model="seedance", prompt=prompt, seconds="4", poll_interval_ms=100
                )
                assert video.status == "completed"
                content = await client.videos.download_content(video.id)
        assert content.content[4:8] == b"ftyp"
        assert len(await gateway.accepted(prompt)) == 1
