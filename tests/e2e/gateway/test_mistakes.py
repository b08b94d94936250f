"""A mistake in the program, wherever it is made, loses no video that may have been paid for."""

from __future__ import annotations

from typing import Any

import pytest

from reelgate.domain.video import VideoRequest
from reelgate.providers.base import PollResult, Submission
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.providers.imagine.poller import ImaginePoller
from tests.gateway import Gateway, a_prompt


class Mistake(Exception):
    """Nobody expects it."""


async def test_an_answer_that_our_adapter_stumbles_over_leaves_an_unknown_submit(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = ImagineWeb.submit

    async def stumbling(
        self: ImagineWeb,
        request: VideoRequest,
        **more: Any,  # noqa: ANN401 - handed on
    ) -> Submission:
        await submit(self, request, **more)
        raise Mistake

    monkeypatch.setattr(ImagineWeb, "submit", stumbling)
    prompt = a_prompt()
    reply = await gateway.generate(prompt)
    assert (reply.status, reply.code) == (502, "submission_unknown")
    assert len(await gateway.submits(prompt)) == 1


@pytest.mark.parametrize("value", ["cost-2-63", "batch-surrogate"])
async def test_what_no_database_can_hold_is_left_out_and_the_job_goes_on(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Even if nothing has taken the value out before."""
    monkeypatch.setattr(Submission, "__post_init__", lambda _: None)
    prompt = a_prompt(f"[[odd value={value}]]")
    reply = await gateway.generate(prompt)
    assert (reply.status, reply.body["status"]) == (200, "COMPLETED")
    assert len(await gateway.submits(prompt)) == 1


async def test_a_poll_that_our_adapter_stumbles_over_does_not_end_the_job(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = ImaginePoller.poll
    stumbled: list[ImaginePoller] = []

    async def stumbling(self: ImaginePoller) -> PollResult:
        if not stumbled:
            stumbled.append(self)
            raise Mistake
        return await poll(self)

    monkeypatch.setattr(ImaginePoller, "poll", stumbling)
    prompt = a_prompt()
    assert (await gateway.generate(prompt)).status == 200
    assert stumbled
    assert len(await gateway.submits(prompt)) == 1
