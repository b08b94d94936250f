from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InsufficientCredits, InvalidRequest, RateLimited, UpstreamError
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Ended, Failed, PollResult, Ready, Running, can_reconcile
from reelgate.providers.kling.adapter import Kling
from reelgate.providers.kling.models import rows_with
from reelgate.sandbox import Sandbox
from tests.http_servers import replying, serving
from tests.providers.imagine_account import NOW_S, StillClock

PAIR = "access-1:not-a-secret-key-of-anybody"
ROWS = {row.id: row for row in rows_with(["kling-v4"])}
MODELS = {name: row.model("kling") for name, row in ROWS.items()}
TURBO, SOUND = "kling-v2-5-turbo", "kling-v2-6"
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
FRAMES = (
    Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:first", "ab"),
    Reference(Kind.IMAGE, Role.LAST_FRAME, "kept:last", "cd"),
)


def a_kling(http: HttpClient, url: str = "https://kling.example", key: str = "not-a-key") -> Kling:
    return Kling(http, ApiAccount("kling", url, key), ROWS.values(), StillClock())


def submitted(http: HttpClient, model: str, *references: Reference, **said: Any) -> Any:  # noqa: ANN401
    request = MODELS[model].request(prompt="a cat", references=references, **said)
    pictures = {each.url: PNG for each in FRAMES}
    call = a_kling(http).submit_call(request, marker="m-1", pictures=pictures, push_url="")
    return call.path, call.json


async def polled(http: HttpClient, **task: object) -> PollResult:
    body = {"code": 0, "data": {"task_id": "8", **task}}
    async with serving(replying(200, json.dumps(body))) as url:
        return await a_kling(http, url).watch("text2video/8").poll()


def test_a_key_is_sent_as_it_is_and_a_pair_signs_a_token_for_half_an_hour(http: HttpClient) -> None:
    assert a_kling(http).key_headers() == {"Authorization": "Bearer not-a-key"}
    scheme, _, token = a_kling(http, key=PAIR).key_headers()["Authorization"].partition(" ")
    assert scheme == "Bearer"
    read = jwt.decode(token, OctKey.import_key(PAIR.partition(":")[2]))
    assert read.header == {"alg": "HS256", "typ": "JWT"}
    assert read.claims == {"iss": "access-1", "exp": NOW_S + 1800, "nbf": NOW_S - 5}


def test_neither_half_of_a_pair_is_told(http: HttpClient) -> None:
    access, _, secret = PAIR.partition(":")
    told = a_kling(http, key=PAIR).hide(f"{PAIR} {access} {secret}")
    assert access not in told
    assert secret not in told


def test_numbers_and_sound_are_words_and_the_marker_goes_along(http: HttpClient) -> None:
    path, body = submitted(http, SOUND, duration=10, audio=True)
    assert path == "v1/videos/text2video"
    assert body == {
        "model_name": SOUND,
        "prompt": "a cat",
        "aspect_ratio": "16:9",
        "duration": "10",
        "sound": "on",
        "mode": "pro",
        "external_task_id": "m-1",
    }
    assert not can_reconcile(a_kling(http))


def test_pictures_are_bare_base64_at_the_path_of_pictures(http: HttpClient) -> None:
    path, body = submitted(http, TURBO, *FRAMES)
    assert path == "v1/videos/image2video"
    bare = PNG.data_url.partition(",")[2]
    assert (body["image"], body["image_tail"], body["mode"]) == (bare, bare, "pro")
    assert "aspect_ratio" not in body


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (TURBO, {"audio": True}),
        (TURBO, {"duration": 7}),
        (TURBO, {"references": FRAMES[:1], "aspect_ratio": "9:16"}),
        (SOUND, {"references": FRAMES, "mode": "std"}),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_is_sent(
    model: str, said: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        MODELS[model].request(prompt="a cat", **said)


async def test_a_job_is_asked_for_at_the_path_that_made_it(
    http: HttpClient, sandbox: Sandbox
) -> None:
    kling = a_kling(http, f"{sandbox.url}/kling", PAIR)
    for references, path in (((), "text2video/"), (FRAMES, "image2video/")):
        request = MODELS[TURBO].request(prompt="a cat [[ready after=0]]", references=references)
        made = await kling.submit(request, pictures={each.url: PNG for each in FRAMES})
        assert made.provider_id.startswith(path)
        poller = kling.watch(made.provider_id)
        while isinstance(result := await poller.poll(), Running):
            pass
        assert isinstance(result, Ready)


async def test_an_end_tells_the_units_that_it_took(http: HttpClient) -> None:
    done = {"task_status": "succeed", "task_result": {"videos": [{"url": "https://f.example/a"}]}}
    ready = await polled(http, **done, final_unit_deduction="3.5")
    assert ready == Ready(Money(4, Unit.CREDITS))
    assert await polled(http, **done, final_unit_deduction="many") == Ready()


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("Failure to pass the risk control system", "moderation_blocked"),
        ("Internal error", "upstream_failed"),
    ],
)
async def test_an_end_without_a_video_is_told(http: HttpClient, says: str, code: str) -> None:
    result = await polled(http, task_status="failed", task_status_msg=says)
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code


@pytest.mark.parametrize(
    ("status", "code", "kind", "refused"),
    [
        (429, 1102, InsufficientCredits, True),
        (429, 1303, RateLimited, True),
        (200, 1201, UpstreamError, True),
        (500, 5000, UpstreamError, False),
    ],
)
async def test_codes_say_more_than_the_http_status(
    http: HttpClient, status: int, code: int, kind: type[UpstreamError], *, refused: bool
) -> None:
    body = json.dumps({"code": code, "message": "no"})
    async with serving(replying(status, body)) as url:
        with pytest.raises(kind) as caught:
            await a_kling(http, url).submit(MODELS[TURBO].request(prompt="a cat"))
    assert caught.value.surely_refused is refused
