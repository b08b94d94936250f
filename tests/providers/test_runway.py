from __future__ import annotations

import json
from typing import Any

import pytest

from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InsufficientCredits, InvalidRequest, UpstreamError
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Ended, Failed, Ready, Running
from reelgate.providers.runway.adapter import MAX_SOURCE_CHARS, Runway, credits_in
from reelgate.providers.runway.models import ROWS, rows_with
from reelgate.runtime.doctor import balance_finding
from reelgate.sandbox import Sandbox
from tests.http_servers import replying, serving

MODELS = {row.id: row.model("runway") for row in rows_with(["new-model"])}
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")


def a_runway(
    http: HttpClient, url: str = "https://runway.example/v1", time_scale: float = 1.0
) -> Runway:
    account = ApiAccount("runway", url, "not-a-key", time_scale)
    return Runway(http, account, rows_with(["new-model"]))


def a_picture(role: Role, kind: Kind = Kind.IMAGE) -> Reference:
    return Reference(kind, role, f"kept:{role}", "ab")


@pytest.mark.parametrize(
    ("model", "said", "size"),
    [
        ("gen4.5", {}, "1280:720"),
        ("gen4.5", {"aspect_ratio": "9:16"}, "720:1280"),
        ("veo3.1", {"resolution": "1080p"}, "1920:1080"),
        ("seedance2", {"aspect_ratio": "21:9", "resolution": "480p"}, "992:432"),
        ("seedance2", {"aspect_ratio": "3:4", "resolution": "4k"}, "2880:3840"),
        ("new-model", {"aspect_ratio": "4:3", "resolution": "720p"}, "960:720"),
        ("new-model", {}, None),
    ],
)
def test_ratio_and_resolution_are_one_size_in_pixels(
    http: HttpClient, model: str, said: dict[str, Any], size: str | None
) -> None:
    call = a_runway(http).preview(MODELS[model].request(prompt="a cat", **said))
    assert isinstance(call.json, dict)
    assert call.json.get("ratio") == size
    assert call.json.keys() & {"aspect_ratio", "resolution"} == set()


def test_every_size_of_a_model_is_one_that_its_fields_allow() -> None:
    for row in ROWS:
        model = row.model("runway")
        pairs = {(a, b) for a in model.aspect_ratios for b in model.resolutions}
        assert pairs == row.sizes.keys()


def test_frames_go_to_one_path_and_references_to_the_other(http: HttpClient) -> None:
    runway = a_runway(http)
    frames = (a_picture(Role.FIRST_FRAME), a_picture(Role.LAST_FRAME))
    request = MODELS["veo3.1"].request(prompt="a cat", references=frames, audio=False)
    pictures = {each.url: PNG for each in frames}
    call = runway.submit_call(request, marker="", pictures=pictures, push_url="")
    assert call.path == "image_to_video"
    assert call.json == {
        "model": "veo3.1",
        "promptText": "a cat",
        "duration": 8,
        "audio": False,
        "ratio": "1280:720",
        "promptImage": [
            {"uri": PNG.data_url, "position": "first"},
            {"uri": PNG.data_url, "position": "last"},
        ],
    }
    reference = (a_picture(Role.REFERENCE),)
    call = runway.preview(MODELS["seedance2"].request(prompt="a cat", references=reference))
    assert call.path == "text_to_video"
    assert isinstance(call.json, dict)
    assert call.json["references"] == [{"uri": "kept:reference"}]


def test_what_the_models_cannot_honour_is_refused_before_anything_is_paid() -> None:
    for model, said in (
        ("gen4_turbo", {}),
        ("gen4.5", {"resolution": "1080p"}),
        ("gen4.5", {"prompt": "x" * 1001}),
        ("veo3.1", {"duration": 5}),
        ("gemini_omni_flash", {"seed": 1}),
    ):
        with pytest.raises(InvalidRequest):
            MODELS[model].request(**({"prompt": "a cat"} | said))


async def test_a_picture_that_is_too_large_is_not_sent(http: HttpClient) -> None:
    frame = a_picture(Role.FIRST_FRAME)
    large = Picture(bytes(MAX_SOURCE_CHARS), "image/png")
    request = MODELS["gen4_turbo"].request(prompt="a cat", references=[frame])
    with pytest.raises(UpstreamError, match="make it smaller") as caught:
        await a_runway(http).submit(request, pictures={frame.url: large})
    assert caught.value.surely_refused


def test_a_threshold_goes_where_the_api_has_it(http: HttpClient) -> None:
    request = MODELS["gen4.5"].request(prompt="a cat", publicFigureThreshold="low")
    call = a_runway(http).preview(request)
    assert isinstance(call.json, dict)
    assert call.json["contentModeration"] == {"publicFigureThreshold": "low"}
    assert "publicFigureThreshold" not in call.json


@pytest.mark.parametrize(
    ("model", "said", "amount"),
    [
        ("gen4.5", {}, 60),
        ("veo3.1", {}, 320),
        ("veo3.1_fast", {"audio": False, "duration": 4}, 40),
        ("seedance2", {}, None),
    ],
)
def test_prices_are_in_credits(model: str, said: dict[str, Any], amount: int | None) -> None:
    told = price_of(MODELS[model], MODELS[model].request(prompt="a cat", **said))
    assert told == (None if amount is None else Money(amount, Unit.CREDITS))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "PENDING"}, Running()),
        ({"status": "THROTTLED"}, Running()),
        ({"status": "RUNNING", "progress": 0.451}, Running(45)),
        ({"status": "RUNNING", "progress": 1}, Running(99)),
        ({"status": "SOMETHING_NEW"}, Running()),
        (
            {"status": "SUCCEEDED", "output": ["https://x/v.mp4"], "cost": {"credits": 35}},
            Ready(Money(35, Unit.CREDITS)),
        ),
    ],
)
async def test_a_task_is_told_as_it_is(
    http: HttpClient, told: dict[str, object], expected: object
) -> None:
    async with serving(replying(200, json.dumps({"id": "t1"} | told))) as url:
        assert await a_runway(http, url).watch("t1").poll() == expected


@pytest.mark.parametrize(
    ("failure", "code", "says"),
    [
        ("SAFETY.INPUT.TEXT", "moderation_blocked", "moderation"),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "moderation_blocked", "moderation"),
        ("INTERNAL.BAD_OUTPUT.CODE01", "upstream_failed", "may succeed when it is tried again"),
        ("ASSET.INVALID", "upstream_failed", "ASSET.INVALID"),
    ],
)
async def test_a_failure_code_says_what_became_of_a_task(
    http: HttpClient, failure: str, code: str, says: str
) -> None:
    told = {"id": "t1", "status": "FAILED", "failure": "It broke.", "failureCode": failure}
    async with serving(replying(200, json.dumps(told))) as url:
        result = await a_runway(http, url).watch("t1").poll()
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code
    assert says in failed.message


async def test_an_account_without_credits_is_told_by_its_sentence(http: HttpClient) -> None:
    body = json.dumps({"error": "You do not have enough credits to run this task."})
    async with serving(replying(400, body)) as url:
        with pytest.raises(InsufficientCredits):
            await a_runway(http, url).submit(MODELS["gen4.5"].request(prompt="a cat"))


async def test_the_balance_is_asked_of_the_organisation(http: HttpClient, sandbox: Sandbox) -> None:
    sandbox.provider.account.credits = 77
    assert await a_runway(http, f"{sandbox.url}/runway/v1").credits_left() == 77
    async with serving(replying(200, "{}")) as url:
        assert await a_runway(http, url).credits_left() is None


@pytest.mark.parametrize(
    ("key", "left", "grade", "says"),
    [
        ("any", 77, "ok", "77 left"),
        ("any", 0, "error", "none left"),
        ("expired", 77, "error", "RUNWAYML_API_SECRET"),
    ],
)
async def test_the_doctor_tells_what_an_account_has_left(
    http: HttpClient, sandbox: Sandbox, key: str, left: int, grade: str, says: str
) -> None:
    sandbox.provider.account.credits = left
    account = ApiAccount("runway", f"{sandbox.url}/runway/v1", key)
    found = await balance_finding(Runway(http, account))
    assert (found.check, found.grade) == ("credits of runway", grade)
    assert says in found.detail


def test_polls_are_five_seconds_of_the_account_apart(http: HttpClient) -> None:
    assert a_runway(http).min_poll_gap_s == 5
    assert a_runway(http, time_scale=0.01).min_poll_gap_s == pytest.approx(0.05)


@pytest.mark.parametrize("told", [None, True, "7", float("inf"), float("nan")])
def test_what_is_no_amount_of_credits_is_none(told: object) -> None:
    assert credits_in({"cost": {"credits": told}}, "cost") is None
    assert credits_in({"cost": told}, "cost") is None
