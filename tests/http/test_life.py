"""A job's life under any sequence of events, over real HTTP: its promises hold after each step."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.gateway import a_prompt

from .jobs import NEVER, READY_AT_ONCE, VIDEOS, JobsGateway, a_jobs_gateway

T = TypeVar("T")
FATES = {
    READY_AT_ONCE: "completed",
    "[[ready after=0.3]]": "completed",
    "[[fail after=0]]": "failed",
    "[[402]]": "failed",
    "[[reset-after]]": "failed",
    NEVER: None,
}
"""What becomes of a job that nobody cancels; None where it goes on for ever."""
ORDER = ("queued", "in_progress", "completed", "failed")
TERMINAL = ("completed", "failed")


TOLD_LATE = ("provider_id", "batch_id", "video_url", "charge", "cost", "cost_unit", "charge_reason")
"""What an answer to a submit says that came only after its job was cancelled."""


def settled(video: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The video without what may become known once about a submit that was under way."""
    if before["reelgate"]["provider_id"] is not None or before["error"]["code"] != "cancelled":
        return video
    known = {name: before["reelgate"][name] for name in TOLD_LATE}
    return video | {"reelgate": video["reelgate"] | known}


class Life(RuleBasedStateMachine):
    """Videos are made, looked at, replayed, cancelled and deleted in any order."""

    sandbox_url = ""
    videos = Bundle("videos")

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._seen: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, str] = {}
        self._deleted: set[str] = set()
        self._gateway = self._do(self._start())

    async def _start(self) -> JobsGateway:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        gateway = a_jobs_gateway(Path(folder), self.sandbox_url)
        return await self._stack.enter_async_context(gateway)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def teardown(self) -> None:
        self._do(self._stack.aclose())
        self._runner.close()

    @rule(target=videos, fate=st.sampled_from(list(FATES)))
    def create(self, fate: str) -> str:
        prompt = a_prompt(fate)
        video = self._do(self._create(prompt))
        self._seen[video["id"]] = video
        self._asked[video["id"]] = prompt
        return str(video["id"])

    async def _create(self, prompt: str) -> dict[str, Any]:
        reply = await self._gateway.create(prompt, headers={"Idempotency-Key": prompt})
        return dict(reply.body)

    @rule(video_id=videos)
    def replay(self, video_id: str) -> None:
        """The same key makes no other video, and does nothing to the one there is."""
        again = self._do(self._create(self._asked[video_id]))
        if video_id in self._deleted:
            assert again["error"]["code"] == "video_not_found"
        else:
            assert again["id"] == video_id
            self._check(again)

    @rule(video_id=videos)
    def look(self, video_id: str) -> None:
        self._look(video_id)

    @rule(video_id=videos)
    def wait(self, video_id: str) -> None:
        """A job that nobody stopped ends as it must."""
        fate = self._fate(video_id)
        if video_id in self._deleted or fate is None:
            return
        if self._seen[video_id]["status"] not in TERMINAL:
            self._check(self._do(self._gateway.reached(video_id, *TERMINAL)))
            assert self._seen[video_id]["status"] == fate

    @rule(video_id=videos)
    def cancel(self, video_id: str) -> None:
        reply = self._do(self._gateway.call("POST", f"{VIDEOS}/{video_id}/cancel"))
        if video_id in self._deleted:
            assert reply.status == 404
        else:
            assert reply.body["status"] in TERMINAL
            self._check(reply.body)

    @rule(video_id=videos)
    def delete(self, video_id: str) -> None:
        reply = self._do(self._gateway.call("DELETE", f"{VIDEOS}/{video_id}"))
        assert reply.status == (404 if video_id in self._deleted else 200)
        self._deleted.add(video_id)

    @rule(video_id=videos)
    def download(self, video_id: str) -> None:
        """There are bytes exactly where the video is completed."""
        self._look(video_id)
        known = "deleted" if video_id in self._deleted else self._seen[video_id]["status"]
        reply = self._do(self._gateway.call("HEAD", f"{VIDEOS}/{video_id}/content"))
        allowed = {"deleted": {404}, "completed": {200}, "failed": {404}}
        assert reply.status in allowed.get(known, {200, 404, 409})

    @invariant()
    def no_job_is_paid_for_twice(self) -> None:
        for prompt in self._asked.values():
            assert len(self._do(self._gateway.accepted(prompt))) <= 1

    @invariant()
    def the_list_holds_what_is_not_deleted(self) -> None:
        listed = self._do(self._gateway.call("GET", f"{VIDEOS}?limit=100&order=asc")).body["data"]
        assert [video["id"] for video in listed] == [
            video_id for video_id in self._asked if video_id not in self._deleted
        ]
        for video in listed:
            self._check(video)

    def _look(self, video_id: str) -> None:
        if video_id not in self._deleted:
            self._check(self._do(self._gateway.show(video_id)))

    def _fate(self, video_id: str) -> str | None:
        prompt = self._asked[video_id]
        return next(end for fault, end in FATES.items() if prompt.endswith(fault))

    def _check(self, video: dict[str, Any]) -> None:
        """Nothing steps back, and what is over does not change."""
        # Lists do without.
        del video["reelgate"]["timeline"]["polls"]
        before = self._seen[video["id"]]
        assert video["progress"] >= before["progress"]
        assert (video["progress"] == 100) is (video["status"] == "completed")
        assert (video["error"] is not None) is (video["status"] == "failed")
        assert ORDER.index(video["status"]) >= ORDER.index(before["status"])
        if before["status"] in TERMINAL:
            assert settled(video, before) == before
        self._seen[video["id"]] = video


def test_every_promise_holds_under_any_sequence_of_events(sandbox_url: str) -> None:
    machine = type("LifeHere", (Life,), {"sandbox_url": sandbox_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=12,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
