"""A wall clock that was set by hours while the gateway was down ends no paid video."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reelgate.clock import SystemClock
from tests.gateway import a_gateway, a_prompt, soon

HOUR_S = 3600.0


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: time.time() + ahead_s)


@pytest.mark.parametrize("ahead_s", [2 * HOUR_S, -2 * HOUR_S])
async def test_a_job_outlives_a_clock_that_was_set_while_the_gateway_was_down(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    prompt = a_prompt("[[ready after=2]]")
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        await gateway.call("POST", "/v1/videos", json={"prompt": prompt, "model": MODEL})
        await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["rendering"])
    set_clock(monkeypatch, ahead_s)
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        await soon(lambda: gateway.rows(prompt)[0]["state"] in {"completed", "failed"})
        assert gateway.rows(prompt)[0]["state"] == "completed"
        assert len(await gateway.submits(prompt)) == 1


@pytest.mark.long
async def test_a_poll_that_failed_ends_no_job_by_time(tmp_path: Path, sandbox_url: str) -> None:
    """Only an upstream that said "not ready" may be given up."""
    prompt = a_prompt("[[status-500]] [[asset-503 times=6]] [[ready after=1.5]]")
    async with a_gateway(tmp_path, sandbox_url, job_timeout_s=1.0) as gateway:
        reply = await gateway.generate(prompt)
    assert (reply.status, reply.body["status"]) == (200, "COMPLETED")


MODEL = "imagine-text-to-video"
