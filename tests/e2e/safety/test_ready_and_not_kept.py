"""A video that is ready has been paid for: what comes of the ways in which it cannot be had yet."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.typing import EventDict

from reelgate.domain import retry
from reelgate.errors import TooLargeToKeep
from reelgate.jobs import fetch as fetching
from reelgate.media import keeper as keeping
from reelgate.media import receive as receiving
from tests.e2e.gateway.processes import Program, gateway_main
from tests.gateway import Gateway, a_gateway, a_prompt, callers, settings_values, soon
from tests.http.jobs import VIDEOS

READY = "[[ready after=0]]"
OFTEN = 7
"""More often than a video that does not play would be fetched in a minute."""

TROUBLES = (
    "[[download-503 times=7]]",
    "[[download-500 times=7]]",
    "[[download-404 times=7]]",
    "[[download-403 times=7]]",
    "[[download-410 times=7]]",
    "[[download-400 times=7]]",
    "[[download-cut-off times=7]]",
    "[[download-html times=7]]",
    "[[download-reset-before times=7]]",
    "[[download-redirect times=7]]",
    "[[head-405]]",
    "[[head-403]]",
    "[[head-501]]",
    "[[head-503]]",
    "[[head-404]]",
    "[[head-reset-before]]",
    "[[gzip]]",
    "[[octet-stream]]",
)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps that begin small, and end there."""
    monkeypatch.setattr(retry, "BASE_S", 0.01)
    monkeypatch.setattr(retry, "FETCH_CAP_S", 0.2)


async def ask(gateway: Gateway, prompt: str) -> str:
    """Ask for a video without waiting for it."""
    reply = await gateway.generate(prompt, headers={"Prefer": "respond-async"})
    return reply.video


def state_of(gateway: Gateway, prompt: str) -> str:
    [row] = gateway.rows(prompt)
    return str(row["state"])


def has_failed_to_fetch(log: list[EventDict]) -> Callable[[], bool]:
    return lambda: any(line["event"] == "fetch_failed" for line in log)


@pytest.mark.usefixtures("_quick")
async def test_whatever_the_asset_host_does_for_a_while_the_video_is_kept_and_paid_once(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        prompts = [a_prompt(f"{READY} {trouble}") for trouble in TROUBLES]
        ids = [await ask(gateway, prompt) for prompt in prompts]

        def are_over() -> bool:
            return all(state_of(gateway, prompt) in {"completed", "failed"} for prompt in prompts)

        await soon(are_over)
        assert {prompt: state_of(gateway, prompt) for prompt in prompts} == dict.fromkeys(
            prompts, "completed"
        )
        assert [len(await gateway.submits(prompt)) for prompt in prompts] == [1] * len(prompts)
        for video_id in ids:
            content = await gateway.call("HEAD", f"{VIDEOS}/{video_id}/content")
            assert content.headers["Content-Type"] == "video/mp4"


@pytest.mark.usefixtures("_quick")
async def test_retry_after_of_the_asset_host_is_waited_for(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        for status in (429, 503):
            prompt = a_prompt(f"{READY} [[download-{status} retry-after=1 times=1]]")
            await ask(gateway, prompt)
            await soon(lambda prompt=prompt: state_of(gateway, prompt) == "completed")  # type: ignore[misc]
            [job] = await gateway.accepted(prompt)
            path = f"/processed/{job['id']}"
            reads = [seen["at"] for seen in await gateway.requests() if seen["path"] == path]
            assert reads[-1] - reads[-2] >= 1.0


@pytest.mark.usefixtures("_quick")
async def test_a_restart_in_between_loses_nothing(tmp_path: Path, sandbox_url: str) -> None:
    prompt = a_prompt(f"{READY} [[download-503 for=1]]")
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            await ask(gateway, prompt)
            await soon(has_failed_to_fetch(log))
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            await soon(lambda: state_of(gateway, prompt) == "completed")
            assert len(await gateway.submits(prompt)) == 1


async def test_what_cannot_be_had_in_the_end_is_said_to_be_paid_for(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, job_timeout_s=1.0) as gateway:
        reply = await gateway.generate(a_prompt(f"{READY} [[download-429]]"))
        # Not 429: the caller's SDK would ask, and pay, again.
        assert (reply.status, reply.code) == (504, "upstream_timeout")
        assert "paid for" in reply.body["detail"]


async def test_a_download_that_trickles_is_fetched_again(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SLOW_AFTER_S", 0.3)
    monkeypatch.setattr(receiving, "MIN_BYTES_PER_S", 4096)
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        prompt = a_prompt(f"{READY} [[slow-bytes rate=200 times=2]]")
        await ask(gateway, prompt)
        await soon(lambda: state_of(gateway, prompt) == "completed")
        assert len(await gateway.submits(prompt)) == 1


async def test_a_download_that_never_gets_on_ends_with_the_time_of_the_job(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SLOW_AFTER_S", 0.3)
    async with a_gateway(tmp_path, sandbox_url, job_timeout_s=1.0) as gateway:
        reply = await gateway.generate(a_prompt(f"{READY} [[slow-bytes rate=20]]"))
        assert (reply.status, reply.code) == (504, "upstream_timeout")


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("how", ["replaced by a file", "removed", "scratch removed"])
async def test_a_storage_that_is_away_for_a_while_loses_no_video(
    tmp_path: Path, sandbox_url: str, how: str
) -> None:
    videos = tmp_path / "videos"
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            shutil.rmtree(videos / ".scratch" if how == "scratch removed" else videos)
            if how == "replaced by a file":
                videos.write_bytes(b"a file")
            prompts = [a_prompt(READY) for _ in range(5)]
            for prompt in prompts:
                await ask(gateway, prompt)
            if how == "replaced by a file":
                await soon(has_failed_to_fetch(log))
                videos.unlink()
            for prompt in prompts:
                await soon(lambda prompt=prompt: state_of(gateway, prompt) == "completed")  # type: ignore[misc]


@pytest.mark.usefixtures("_quick")
async def test_a_mistake_of_ours_is_shown_to_the_operator_and_loses_no_video(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    really = keeping.Keeper.keep

    async def fails_at_first(*arguments: object, **more: object) -> object:
        tries.append(1)
        if len(tries) <= OFTEN:
            message = "a mistake"
            raise RuntimeError(message)
        return await really(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(keeping.Keeper, "keep", fails_at_first)
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            prompt = a_prompt(READY)
            await ask(gateway, prompt)
            await soon(lambda: state_of(gateway, prompt) == "completed")
    assert [line["log_level"] for line in log if line["event"] == "fetch_broke"] == ["error"] * 7


async def test_a_video_too_large_to_keep_is_left_where_it_is(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "_check_size", too_large)
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        video_id = (await gateway.generate(a_prompt(READY))).video
        content = await gateway.call("HEAD", f"{VIDEOS}/{video_id}/content")
        assert (content.status, content.headers["Content-Type"]) == (200, "video/mp4")


def too_large(*_: object) -> None:
    raise TooLargeToKeep


@pytest.mark.usefixtures("_quick")
async def test_a_video_that_stays_upstream_is_completed_once_it_can_be_read_there(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, keep="off") as gateway:
        for trouble in ("[[download-404 times=3]]", "[[download-503 times=3]]"):
            video_id = (await gateway.generate(a_prompt(f"{READY} {trouble}"))).video
            assert (await gateway.call("HEAD", f"{VIDEOS}/{video_id}/content")).status == 200


@pytest.mark.parametrize("trouble", ["[[gzip]]", "[[octet-stream]]"])
async def test_a_video_that_stays_upstream_arrives_whole(
    tmp_path: Path, sandbox_url: str, trouble: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, keep="off") as gateway:
        prompt = a_prompt(f"{READY} {trouble}")
        video_id = (await gateway.generate(prompt)).video
        [job] = await gateway.accepted(prompt)
        async with gateway.session.get(f"{sandbox_url}/processed/{job['id']}") as response:
            film = await response.read()
        url = f"{gateway.url}{VIDEOS}/{video_id}/content"
        for headers in ({}, {"Range": "bytes=4-11"}):
            async with gateway.session.get(url, headers=headers) as response:
                assert response.headers["Content-Type"] == "video/mp4"
                assert "Content-Encoding" not in response.headers
                part = film[4:12] if response.status == 206 else film
                assert await response.read() == part


def deadly_gateway_main(ready: Connection, log: Path, values: dict[str, Any]) -> None:
    """A gateway's process that is killed by any video that it decodes."""

    def killed_for_memory(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    keeping.probe = killed_for_memory  # type: ignore[assignment, attr-defined]
    gateway_main(ready, log, values, None)


async def test_a_video_that_ends_the_process_twice_is_kept_undecoded(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt, settings = a_prompt(READY), settings_values(tmp_path, sandbox_url)
    async with callers() as session:

        def next_life() -> tuple[Program, Gateway]:
            program = Program(deadly_gateway_main, tmp_path / "log", settings)
            return program, Gateway(program.url, session, tmp_path, sandbox_url)

        first, gateway = next_life()
        with suppress(aiohttp.ClientError):
            await ask(gateway, prompt)
        assert await asyncio.to_thread(first.ended) == -signal.SIGKILL
        second, _ = next_life()
        assert await asyncio.to_thread(second.ended) == -signal.SIGKILL
        assert state_of(gateway, prompt) == "fetching"
        third, gateway = next_life()
        await soon(lambda: state_of(gateway, prompt) == "completed")
        video_id = gateway.rows(prompt)[0]["id"]
        content = await gateway.call("HEAD", f"{VIDEOS}/{video_id}/content")
        thumbnail = await gateway.call("HEAD", f"{VIDEOS}/{video_id}/content?variant=thumbnail")
        assert (content.status, thumbnail.status) == (200, 404)
        assert len(await gateway.submits(prompt)) == 1
        third.kill()
