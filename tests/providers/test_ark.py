from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from reelgate.domain.fields import AUTO
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import InsufficientCredits, InvalidRequest, ModerationBlocked
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.ark.adapter import Ark, seed_of
from reelgate.providers.ark.models import ROWS, rows_with
from reelgate.providers.base import CancelOutcome, Candidate, Ended, Failed, Match, Ready
from tests.http_servers import replying, serving
from tests.providers.imagine_account import NOW_S

SECOND, FIRST, LATEST = "dreamina-seedance-2-0-260128", ROWS[4].id, ROWS[3].id
MODELS = {row.id: row.model("ark") for row in ROWS}
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
FRAMES = (
    Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:first", "ab"),
    Reference(Kind.IMAGE, Role.LAST_FRAME, "kept:last", "cd"),
)
MARKER = "4f9c2c8e-2a7e-4f43-9f0e-2f6f3f9d8a11"
TASK = {"id": "cgt-1", "model": SECOND, "status": "succeeded", "resolution": "720p"}


def an_ark(
    http: HttpClient, url: str = "https://ark.example/api/v3", *, marks: bool = False
) -> Ark:
    account = ApiAccount("ark", url, "not-a-key")
    return Ark(http, account, rows_with(["ep-1"]), marks_submits=marks)


def submitted(ark: Ark, request: VideoRequest, marker: str = "") -> Mapping[str, Any]:
    pictures = {each.url: PNG for each in FRAMES}
    call = ark.submit_call(request, marker=marker, pictures=pictures, push_url="")
    assert isinstance(call.json, dict)
    return call.json


def listed(**changed: object) -> dict[str, object]:
    told = {"id": "cgt-1", "model": SECOND, "created_at": NOW_S, "ratio": "16:9", "seed": 7}
    return told | {"duration": 5, "resolution": "720p"} | changed


async def found(
    http: HttpClient, items: object, *, model: str = SECOND, marker: str = ""
) -> list[Candidate]:
    request = MODELS[model].request(prompt="a cat")
    async with serving(replying(200, json.dumps({"items": items, "total": 1}))) as url:
        return list(await an_ark(http, url).reconcile(request, NOW_S, marker=marker))


@pytest.mark.parametrize(
    ("model", "said", "sent"),
    [
        (SECOND, {}, {"ratio": "16:9", "duration": 5, "resolution": "720p"}),
        (SECOND, {"duration": AUTO, "audio": False}, {"duration": -1, "generate_audio": False}),
        (FIRST, {"seed": 7, "camera_fixed": True}, {"seed": 7, "camera_fixed": True}),
    ],
)
def test_a_submit_holds_the_fields_of_its_model_and_no_other(
    http: HttpClient, model: str, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    body = submitted(an_ark(http), MODELS[model].request(prompt="a cat", **said))
    assert sent.items() <= body.items()
    common = {"model", "content", "ratio", "duration", "resolution"}
    assert body.keys() == common | sent.keys()
    assert body["content"] == [{"type": "text", "text": "a cat"}]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SECOND, {"seed": 7}),
        (FIRST, {"audio": True}),
        (FIRST, {"duration": AUTO}),
        (LATEST, {"references": FRAMES[:1], "aspect_ratio": "16:9"}),
        (SECOND, {"references": (*FRAMES[:1], Reference(Kind.IMAGE, Role.REFERENCE, "kept:r"))}),
        (SECOND, {"references": (Reference(Kind.AUDIO, Role.REFERENCE, "kept:a"),)}),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_is_sent(
    model: str, said: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        MODELS[model].request(prompt="a cat", **said)


@pytest.mark.parametrize("model", [SECOND, LATEST, FIRST])
def test_frames_go_along_with_their_roles_and_give_the_video_its_ratio(
    http: HttpClient, model: str
) -> None:
    request = MODELS[model].request(prompt="a cat", references=FRAMES)
    body = submitted(an_ark(http), request)
    assert body["ratio"] == "adaptive"
    assert body["content"][1:] == [
        {"type": "image_url", "image_url": {"url": PNG.data_url}, "role": "first_frame"},
        {"type": "image_url", "image_url": {"url": PNG.data_url}, "role": "last_frame"},
    ]


def test_a_submit_is_marked_by_a_seed_that_nobody_asked_for_or_as_the_settings_say(
    http: HttpClient,
) -> None:
    plain, seeded = MODELS[FIRST].request(prompt="a"), MODELS[FIRST].request(prompt="a", seed=7)
    second = MODELS[SECOND].request(prompt="a")
    ark = an_ark(http)
    assert submitted(ark, plain, MARKER)["seed"] == seed_of(MARKER) < 2**31
    assert submitted(ark, seeded, MARKER)["seed"] == 7
    assert "seed" not in submitted(ark, second, MARKER)
    assert submitted(an_ark(http, marks=True), second, MARKER)["safety_identifier"] == MARKER


async def test_a_lost_submit_is_the_task_with_its_mark(http: HttpClient) -> None:
    items = [listed(model=FIRST), listed(id="cgt-2", model=FIRST, seed=seed_of(MARKER))]
    [marked] = await found(http, items, model=FIRST, marker=MARKER)
    assert (marked.submission.provider_id, marked.match) == ("cgt-2", Match.MARKER)
    assert await found(http, items[:1], model=FIRST, marker=MARKER) == []


async def test_without_a_mark_a_task_of_that_time_and_kind_is_only_a_hint(
    http: HttpClient,
) -> None:
    others = [
        listed(id="cgt-2", model=FIRST),
        listed(id="cgt-3", duration="8"),
        listed(id="cgt-4", created_at=NOW_S - 3600),
        listed(id="../../account"),
        "nonsense",
    ]
    [hint] = await found(http, [*others, listed(duration="5")], marker=MARKER)
    assert (hint.submission.provider_id, hint.match) == ("cgt-1", Match.HINT)


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"usage": {"completion_tokens": "108000"}}, "0.756"),
        ({"usage": {"completion_tokens": 108_000}, "resolution": "1080p"}, "0.8316"),
        ({"usage": {"completion_tokens": 108_000}, "model": "ep-1"}, None),
        ({"usage": {"completion_tokens": "many"}}, None),
        ({}, None),
    ],
)
async def test_the_end_tells_what_the_tokens_cost_where_their_price_is_known(
    http: HttpClient, told: dict[str, Any], cost: str | None
) -> None:
    task = TASK | {"content": {"video_url": "https://files.example/a.mp4"}} | told
    async with serving(replying(200, json.dumps(task))) as url:
        ready = await an_ark(http, url).watch("cgt-1").poll()
    assert ready == Ready(None if cost is None else Money.of(cost, Unit.USD))


def test_an_estimate_goes_by_the_tokens_of_the_frame() -> None:
    request = MODELS[SECOND].request(prompt="a cat")
    assert price_of(MODELS[SECOND], request) == Money.of("0.756", Unit.USD)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("failed", {"code": "OutputVideoSensitiveContentDetected"}, "moderation_blocked"),
        ("failed", {"code": "InternalServiceError", "message": "no"}, "upstream_failed"),
        ("expired", None, "upstream_failed"),
        ("Cancelled", None, "upstream_failed"),
    ],
)
async def test_the_end_of_a_task_is_told(
    http: HttpClient, status: str, error: object, code: str
) -> None:
    async with serving(replying(200, json.dumps(TASK | {"status": status, "error": error}))) as url:
        result = await an_ark(http, url).watch("cgt-1").poll()
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InputTextRiskDetection", ModerationBlocked),
        (403, "AccountOverdueError", InsufficientCredits),
    ],
)
async def test_codes_say_more_than_the_http_status(
    http: HttpClient, status: int, code: str, kind: type[Exception]
) -> None:
    body = json.dumps({"error": {"code": code, "message": "no"}})
    async with serving(replying(status, body)) as url:
        with pytest.raises(kind):
            await an_ark(http, url).submit(MODELS[SECOND].request(prompt="a cat"))


@pytest.mark.parametrize(
    ("status", "deletes", "outcome"),
    [
        ("queued", 200, CancelOutcome.STOPPED),
        ("queued", 409, CancelOutcome.IMPOSSIBLE),
        ("running", None, CancelOutcome.IMPOSSIBLE),
        ("succeeded", None, CancelOutcome.IMPOSSIBLE),
    ],
)
async def test_only_a_task_that_waits_is_deleted(
    http: HttpClient, status: str, deletes: int | None, outcome: CancelOutcome
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(TASK | {"status": status})
        assert deletes is not None
        return web.json_response({}, status=deletes)

    async with serving(answer) as url:
        assert await an_ark(http, url).cancel("cgt-1") is outcome
