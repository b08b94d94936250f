"""An upstream that tells that a job has changed is a reason to poll it now."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession

from reelgate.providers.registry import PROVIDERS
from reelgate.sandbox import Sandbox
from reelgate.sandbox.jobs import JobState
from tests.gateway import TINY, Gateway, a_gateway, a_prompt, soon


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


SLOW = 0.001
"""So slow a stand-in would be polled again after many minutes."""


async def rendering(gateway: Gateway, prompt: str, model: str) -> dict[str, object]:
    """The row of a job once its upstream has it."""
    body = {"prompt": prompt, "model": model}
    assert (await gateway.call("POST", "/v1/videos", json=body)).status == 200
    await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["rendering"])
    [row] = gateway.rows(prompt)
    return dict(row)


@pytest.mark.both_databases
async def test_a_push_has_the_job_polled_at_once(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path, sandbox.url, sandbox_speed=SLOW) as gateway,
    ):
        prompt = a_prompt("[[ready after=0]]")
        row = await rendering(gateway, prompt, "veo-3.1")
        [job] = sandbox.jobs
        await soon(lambda: sandbox.provider.state(job) is JobState.FINISHED)
        url = f"{gateway.url}/v1/pushes/{row['id']}"
        async with ClientSession() as session:
            for wrong in ("x", "%00", "\ud83d".encode("utf-8", "surrogatepass").hex()):
                async with session.post(f"{url}/{wrong}", data=b"{}") as response:
                    assert response.status == 204
            assert gateway.rows(prompt)[0]["pushed_at"] is None
            async with session.post(f"{url}/{row['marker']}", data=b"\xff") as response:
                assert response.status == 204
        await soon(lambda: gateway.rows(prompt)[0]["state"] == "completed")


async def test_a_vendor_is_told_where_and_pushes(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox:
        port = a_free_port()
        accounts = {"fal": PROVIDERS["fal"].settings.model_validate({"_env_file": None})}
        async with a_gateway(
            tmp_path,
            sandbox.url,
            sandbox_speed=SLOW,
            providers=accounts,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
        ) as gateway:
            prompt = a_prompt("[[ready after=0.5]]")
            await rendering(gateway, prompt, "fal-ai/veo3.1")
            await soon(lambda: gateway.rows(prompt)[0]["state"] == "completed")
