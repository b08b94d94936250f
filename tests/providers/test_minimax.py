from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import (
    InsufficientCredits,
    InvalidRequest,
    ModerationBlocked,
    RateLimited,
    UpstreamError,
    UpstreamUnauthorized,
    VideoExpired,
)
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Candidate, Ended, Failed, Match, PollResult, Ready, Running
from reelgate.providers.minimax.adapter import MiniMax
from reelgate.providers.minimax.models import Version, rows_with
from reelgate.sandbox import Sandbox
from tests.http_servers import replying, serving
from tests.providers.imagine_account import NOW_S

SECOND, FIRST, FAST = "MiniMax-H3", "MiniMax-Hailuo-02", "MiniMax-Hailuo-2.3-Fast"
ROWS = {row.id: row for row in rows_with(["MiniMax-H4", "S2V-01"])}
MODELS = {name: row.model("minimax") for name, row in ROWS.items()}
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
FRAMES = (
    Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:first", "ab"),
    Reference(Kind.IMAGE, Role.LAST_FRAME, "kept:last", "cd"),
)
TASK = {"id": "7", "model": SECOND, "status": "succeeded", "resolution": "2K"}


def a_minimax(http: HttpClient, url: str = "https://minimax.example") -> MiniMax:
    return MiniMax(http, ApiAccount("minimax", url, "not-a-key"), ROWS.values())


def submitted(http: HttpClient, model: str, *references: Reference, **said: Any) -> Any:  # noqa: ANN401
    request = MODELS[model].request(prompt="a cat", references=references, **said)
    pictures = {each.url: PNG for each in FRAMES}
    call = a_minimax(http).submit_call(
        request, marker="m", pictures=pictures, push_url="https://me.example/push"
    )
    return call.path, call.json


async def polled(http: HttpClient, task: Mapping[str, Any]) -> PollResult:
    async with serving(replying(200, json.dumps({"task": {**TASK, **task}}))) as url:
        return await a_minimax(http, url).watch("v2/7").poll()


def test_a_model_is_asked_for_at_its_own_api(http: HttpClient) -> None:
    assert submitted(http, SECOND) == (
        "v2/video_generation",
        {
            "model": SECOND,
            "content": [{"type": "text", "text": "a cat"}],
            "ratio": "16:9",
            "duration": 5,
            "resolution": "768P",
        },
    )
    assert submitted(http, FIRST, resolution="1080p") == (
        "v1/video_generation",
        {"model": FIRST, "prompt": "a cat", "duration": 6, "resolution": "1080P"},
    )
    assert submitted(http, "video-01", prompt_optimizer=False) == (
        "v1/video_generation",
        {"model": "video-01", "prompt": "a cat", "prompt_optimizer": False},
    )
    versions = {name: ROWS[name].version for name in ("MiniMax-H4", "S2V-01")}
    assert versions == {"MiniMax-H4": Version.SECOND, "S2V-01": Version.FIRST}


def test_frames_stand_where_each_api_wants_them(http: HttpClient) -> None:
    _, first = submitted(http, FIRST, *FRAMES)
    assert (first["first_frame_image"], first["last_frame_image"]) == (PNG.data_url,) * 2
    _, second = submitted(http, SECOND, *FRAMES)
    assert second["ratio"] == "adaptive"
    assert [each.get("role") for each in second["content"]] == [None, "first_frame", "last_frame"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (FIRST, {"resolution": "1080p", "duration": 10}),
        (FIRST, {"aspect_ratio": "16:9"}),
        (FAST, {}),
        (SECOND, {"references": FRAMES[:1], "aspect_ratio": "16:9"}),
        (SECOND, {"references": (*FRAMES[:1], Reference(Kind.IMAGE, Role.REFERENCE, "kept:r"))}),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_is_sent(
    model: str, said: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        MODELS[model].request(prompt="a cat", **said)


async def end_at_first(http: HttpClient, sandbox: Sandbox, faults: str) -> tuple[str, PollResult]:
    minimax = MiniMax(http, ApiAccount("minimax", f"{sandbox.url}/minimax", "any"))
    made = await minimax.submit(MODELS[FIRST].request(prompt=f"a cat {faults}"))
    poller = minimax.watch(made.provider_id)
    result = await poller.poll()
    while isinstance(result, Running) and "forgotten" not in faults:
        result = await poller.poll()
    if isinstance(result, Ready):
        async with minimax.open_asset(made.provider_id) as asset:
            assert b"".join([chunk async for chunk in asset.chunks])[4:8] == b"ftyp"
    return made.provider_id, result


async def test_the_first_api_gives_a_video_by_its_file_id(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider_id, result = await end_at_first(http, sandbox, "[[ready after=0]]")
    assert provider_id.startswith("v1/")
    assert result == Ready()
    _, rotated = await end_at_first(http, sandbox, "[[ready after=0]][[rotates]]")
    assert result == rotated


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("[[moderated at=job]]", "moderation_blocked"),
        ("[[moderated at=result]][[ready after=0]]", "moderation_blocked"),
        ("[[fail after=0]]", "upstream_failed"),
    ],
)
async def test_the_end_of_a_job_at_the_first_api_is_no_failed_poll(
    http: HttpClient, sandbox: Sandbox, fault: str, code: str
) -> None:
    _, result = await end_at_first(http, sandbox, fault)
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code


async def test_a_job_that_the_first_api_has_forgotten_is_not_failed(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider_id, result = await end_at_first(http, sandbox, "[[ready after=0]][[forgotten]]")
    assert isinstance(result, Running)
    minimax = MiniMax(http, ApiAccount("minimax", f"{sandbox.url}/minimax", "any"))
    with pytest.raises(VideoExpired):
        async with minimax.open_asset(provider_id):
            pass


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("[[moderated at=submit]]", ModerationBlocked),
        ("[[429]]", RateLimited),
        ("[[401]]", UpstreamUnauthorized),
        ("[[402]]", InsufficientCredits),
        ("[[400]]", UpstreamError),
    ],
)
async def test_an_error_of_the_first_api_within_http_200_is_a_refusal(
    http: HttpClient, sandbox: Sandbox, fault: str, kind: type[UpstreamError]
) -> None:
    with pytest.raises(kind) as caught:
        await end_at_first(http, sandbox, fault)
    assert caught.value.surely_refused
    assert len(sandbox.jobs) == 0


@pytest.mark.parametrize(("code", "refused"), [(1000, False), (9999, False), (2013, True)])
async def test_a_code_that_blames_the_server_or_that_nobody_knows_is_no_refusal(
    http: HttpClient, code: int, *, refused: bool
) -> None:
    body = json.dumps({"base_resp": {"status_code": code, "status_msg": "x"}})
    async with serving(replying(200, body)) as url:
        with pytest.raises(UpstreamError) as caught:
            await a_minimax(http, url).submit(MODELS[FIRST].request(prompt="a"))
    assert caught.value.surely_refused is refused


async def test_an_end_tells_its_seconds_as_money(http: HttpClient) -> None:
    done = {"content": {"url": "https://files.example/a.mp4"}}
    assert await polled(http, done | {"usage": {"total_seconds": 8}}) == Ready(
        Money.of("1.04", Unit.USD)
    )
    assert await polled(http, done | {"usage": {"total_seconds": "8"}}) == Ready()
    request = MODELS[SECOND].request(prompt="a cat", duration=8, resolution="2k")
    assert price_of(MODELS[SECOND], request) == Money.of("1.04", Unit.USD)


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ({"status": "failed", "error": {"code": "1027", "message": "no"}}, "moderation_blocked"),
        ({"status": "expired"}, "upstream_failed"),
    ],
)
async def test_an_end_at_the_second_api_is_told(
    http: HttpClient, task: dict[str, Any], code: str
) -> None:
    result = await polled(http, task)
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code


async def test_a_lost_submit_is_only_hinted_at(http: HttpClient) -> None:
    alike = {"id": "7", "model": SECOND, "created_at": NOW_S, "duration": 5, "resolution": "768P"}
    others = [
        alike | {"id": "8", "duration": 6},
        alike | {"id": "9", "created_at": None},
        alike | {"id": "../x"},
        "nonsense",
    ]

    async def found(model: str) -> list[Candidate]:
        async with serving(replying(200, json.dumps({"tasks": [*others, alike]}))) as url:
            request = MODELS[model].request(prompt="a cat")
            return list(await a_minimax(http, url).reconcile(request, NOW_S))

    [hint] = await found(SECOND)
    assert (hint.submission.provider_id, hint.match) == ("v2/7", Match.HINT)
    assert await found(FIRST) == []
