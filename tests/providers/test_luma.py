"""What is particular to Luma: its spelling, its pictures, its refusals, its list."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InsufficientCredits, InvalidRequest, UpstreamError
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Failed, Match
from reelgate.providers.luma.adapter import Luma
from reelgate.providers.luma.models import rows_with
from reelgate.sandbox import Sandbox, SandboxOptions

from .test_imagine_polls import until_over

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
FIRST = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:1", "d1")
LAST = Reference(Kind.IMAGE, Role.LAST_FRAME, "kept:2", "d2")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as running:
        yield running


@pytest.fixture
def luma(http: HttpClient, sandbox: Sandbox) -> Luma:
    account = ApiAccount("luma", f"{sandbox.url}/luma/dream-machine/v1", "k")
    return Luma(http, account, rows_with(["ray-9"], takes_pictures=True))


async def test_values_are_spelled_as_luma_does(luma: Luma, sandbox: Sandbox) -> None:
    request = luma.models[0].request(
        prompt="a cat", duration=9, loop=True, references=[FIRST, LAST]
    )
    pictures = {each.url: Picture(PNG, "image/png") for each in (FIRST, LAST)}
    await luma.submit(request, pictures=pictures, push_url="https://gateway.example/p/1")
    [job] = sandbox.jobs
    sent = job.details["request"]
    assert (sent["duration"], sent["resolution"], sent["loop"]) == ("9s", "720p", True)
    assert sent["keyframes"].keys() == {"frame0", "frame1"}
    assert sent["keyframes"]["frame0"]["url"].startswith("data:image/png;base64,")
    assert sent["callback_url"] == "https://gateway.example/p/1"


def test_a_picture_is_refused_where_it_could_not_be_read() -> None:
    luma = Luma(HttpClient(), ApiAccount("luma", "https://luma.example/v1", "k"))
    with pytest.raises(InvalidRequest, match="input_reference"):
        luma.models[0].request(prompt="a cat", references=[FIRST])


async def test_no_credits_are_told_by_a_sentence(luma: Luma, sandbox: Sandbox) -> None:
    sandbox.provider.account.credits = 0
    with pytest.raises(InsufficientCredits) as refused:
        await luma.submit(luma.models[0].request(prompt="a cat"))
    assert refused.value.surely_refused


async def test_the_reason_of_a_failure_is_told(luma: Luma) -> None:
    made = await luma.submit(luma.models[0].request(prompt="a cat [[ends as=failed after=0]]"))
    failed = await until_over(luma.watch(made.provider_id))
    assert isinstance(failed, Failed)
    assert "internal error" in failed.message


async def test_a_lost_submit_is_told_from_others_with_its_prompt(
    luma: Luma, sandbox: Sandbox
) -> None:
    model = luma.models[0]
    since = sandbox.provider.clock.now()
    lost = model.request(prompt="a cat [[reset-after times=1]]", duration=9)
    with pytest.raises(UpstreamError):
        await luma.submit(lost)
    await luma.submit(model.request(prompt=lost.prompt, duration=5))
    found = await luma.reconcile(lost, since)
    by_seconds = {job.clip.duration_s: job.id for job in sandbox.jobs}
    assert [(each.submission.provider_id, each.match) for each in found] == [
        (by_seconds[9], Match.LIKENESS)
    ]
