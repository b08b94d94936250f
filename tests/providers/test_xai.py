"""What is particular to xAI: what it says while it works, its cost, and what it calls done."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InvalidRequest
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Ended, Ready, Running
from reelgate.providers.words import Word
from reelgate.providers.xai.adapter import Xai, cost_of
from reelgate.sandbox import Sandbox, SandboxOptions

from .test_imagine_polls import until_over

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as running:
        yield running


@pytest.fixture
def xai(http: HttpClient, sandbox: Sandbox) -> Xai:
    return Xai(http, ApiAccount("xai", f"{sandbox.url}/xai/v1", "k"))


async def test_a_video_tells_its_cost_once_it_is_done(xai: Xai) -> None:
    request = xai.models[0].request(prompt="a cat", duration=3)
    made = await xai.submit(request)
    told = await until_over(xai.watch(made.provider_id))
    assert told == Ready(Money.of("0.15", Unit.USD)) == Ready(price_of(xai.models[0], request))


async def test_what_moderation_blocked_is_done_and_no_video(xai: Xai) -> None:
    made = await xai.submit(xai.models[0].request(prompt="a cat [[moderated at=result]]"))
    result = await until_over(xai.watch(made.provider_id))
    assert isinstance(result, Ended)
    assert result.failed.code == "moderation_blocked"


@pytest.mark.parametrize(
    "payload",
    [{}, {"status": "pending"}, {"status": "pending", "progress": 7}, {"status": "queued"}],
)
async def test_a_job_at_work_may_say_nothing(xai: Xai, payload: dict[str, object]) -> None:
    report = xai.read_report(payload)
    assert (report.word, report.progress) == (Word.RUNNING, payload.get("progress"))


async def test_a_job_that_waits_is_answered_with_an_empty_body(xai: Xai) -> None:
    made = await xai.submit(xai.models[0].request(prompt="a cat [[ready after=1000]]"))
    assert await xai.watch(made.provider_id).poll() == Running()


async def test_pictures_are_the_first_frame_or_what_to_go_by(xai: Xai, sandbox: Sandbox) -> None:
    first = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:1", "d1")
    shown = Reference(Kind.IMAGE, Role.REFERENCE, "kept:2", "d2")
    pictures = {each.url: Picture(PNG, "image/png") for each in (first, shown)}
    model = xai.models[0]
    for told in ([first], [shown]):
        request = model.request(prompt="a cat", references=told)
        assert price_of(model, request) is None
        await xai.submit(request, pictures=pictures)
    framed, guided = (job.details for job in sandbox.jobs)
    assert framed["image"]["url"].startswith("data:image/png;base64,")
    assert len(guided["reference_images"]) == 1
    with pytest.raises(InvalidRequest):
        model.request(prompt="a cat", references=[first, shown])


@pytest.mark.parametrize("ticks", [-1, 1.5, "9", True, None])
def test_a_cost_that_makes_no_sense_is_none(ticks: object) -> None:
    assert cost_of({"usage": {"cost_in_usd_ticks": ticks}}) is None
    assert cost_of({"usage": 7}) is cost_of({}) is None


def test_part_of_a_millionth_counts_whole() -> None:
    assert cost_of({"usage": {"cost_in_usd_ticks": 1}}) == Money(1, Unit.USD)
