from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import ModerationBlocked, RateLimited, UpstreamBadResponse
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import CancelOutcome, Candidate, Ended, Failed, Match, Running
from reelgate.providers.replicate.adapter import Replicate, ReplicateSettings
from reelgate.providers.replicate.models import ROWS, rows_with
from reelgate.sandbox import Sandbox
from reelgate.sandbox.faults import Operation
from tests.http_servers import replying, serving
from tests.providers.imagine_account import NOW_S

VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
OTHERS = ("someone/model", f"someone/model:{VERSION}", VERSION)
MODEL = ROWS[0].model("replicate")
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
SENT = {
    "prompt": "a cat",
    "aspect_ratio": "16:9",
    "duration": 8,
    "resolution": "1080p",
}


def a_replicate(
    http: HttpClient, url: str = "https://replicate.example/v1", **settings: object
) -> Replicate:
    told = ReplicateSettings(**settings) if settings else None  # type: ignore[arg-type]
    return Replicate(http, ApiAccount("replicate", url, "not-a-key"), rows_with(OTHERS), told)


def a_reference(role: Role) -> Reference:
    return Reference(Kind.IMAGE, role, f"kept:{role}", "ab")


def listed(at: float = NOW_S, **changed: object) -> dict[str, object]:
    created = datetime.fromtimestamp(at, UTC).isoformat()
    told = {"id": "p1", "model": MODEL.id, "version": "hidden", "input": SENT, "source": "api"}
    return told | {"created_at": created, "status": "processing"} | changed


async def found(http: HttpClient, body: object, *references: Reference) -> list[Candidate]:
    async with serving(replying(200, json.dumps(body))) as url:
        request = MODEL.request(prompt="a cat", references=references)
        return list(await a_replicate(http, url).reconcile(request, NOW_S))


def test_an_official_model_is_asked_for_by_its_path_and_others_by_version(
    http: HttpClient,
) -> None:
    paths = {}
    for model in a_replicate(http).models:
        call = a_replicate(http).preview(model.sample())
        body = call.json if isinstance(call.json, dict) else {}
        paths[model.id] = (call.path, body.get("version"))
    assert paths[MODEL.id] == ("models/google/veo-3.1/predictions", None)
    assert paths["someone/model"] == ("models/someone/model/predictions", None)
    for other in OTHERS[1:]:
        assert paths[other] == ("predictions", other)


def test_a_submit_holds_pictures_by_their_roles_and_asks_for_a_push(http: HttpClient) -> None:
    references = (a_reference(Role.FIRST_FRAME), a_reference(Role.REFERENCE))
    request = MODEL.request(prompt="a cat", references=references, audio=False)
    replicate = a_replicate(http, cancel_after_s=90)
    call = replicate.submit_call(
        request, marker="m", pictures={}, push_url="https://me.example/push"
    )
    first, other = (each.url for each in references)
    own = {"image": first, "reference_images": [other], "generate_audio": False}
    assert call.headers == {"Cancel-After": "90s"}
    assert call.json == {
        "input": SENT | own,
        "webhook": "https://me.example/push",
        "webhook_events_filter": ["completed"],
    }
    assert "webhook" not in str(replicate.preview(request).json)


async def test_a_picture_goes_ahead_and_has_an_address_there(
    http: HttpClient, sandbox: Sandbox
) -> None:
    replicate = a_replicate(http, f"{sandbox.url}/replicate/v1")
    url = await replicate.upload_reference(PNG)
    assert url.startswith(f"{sandbox.url}/replicate/v1/files/")
    assert not sandbox.recorder.count(Operation.SUBMIT)


@pytest.mark.parametrize("url", ["https://stranger.example/a.png", "", 5])
async def test_a_picture_at_a_strangers_address_is_not_used(http: HttpClient, url: object) -> None:
    async with serving(replying(201, json.dumps({"urls": {"get": url}}))) as base:
        with pytest.raises(UpstreamBadResponse):
            await a_replicate(http, base).upload_reference(PNG)


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("https://replicate.delivery/a.mp4", True),
        ("https://x.replicate.delivery/a.mp4", True),
        ("https://replicate.example/files/a.mp4", True),
        ("http://replicate.delivery/a.mp4", False),
        ("https://replicate.delivery:8443/a.mp4", False),
        ("https://notreplicate.delivery/a.mp4", False),
        ("https://replicate.delivery.example/a.mp4", False),
        ("none", False),
    ],
)
def test_the_key_goes_to_the_files_origins_and_nowhere_else(
    http: HttpClient, url: str, *, opens: bool
) -> None:
    assert a_replicate(http).key_opens(url) is opens
    is_own = url.startswith("https://replicate.example/")
    assert a_replicate(http, file_origins="").key_opens(url) is is_own


@pytest.mark.parametrize(
    "settings", [{"file_origins": "http://files.example"}, {"cancel_after_s": 3}]
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReplicateSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "processing", "logs": "x\n 45%|####   | 9/20 [00:09]\n 100%|#| 20/20"}, 99),
        ({"status": "processing", "logs": None}, None),
        ({"status": "a-new-word"}, None),
    ],
)
async def test_progress_is_the_last_that_the_logs_tell(
    http: HttpClient, told: dict[str, object], expected: int | None
) -> None:
    async with serving(replying(200, json.dumps(told))) as url:
        assert await a_replicate(http, url).watch("p1").poll() == Running(expected)


@pytest.mark.parametrize(
    ("told", "code", "says"),
    [
        (
            {"status": "failed", "error": "Flagged as sensitive (E005)"},
            "moderation_blocked",
            "E005",
        ),
        ({"status": "failed", "error": "Out of memory (E1001)"}, "upstream_failed", "E1001"),
        ({"status": "aborted"}, "upstream_failed", "aborted"),
        ({"status": "canceled"}, "upstream_failed", "canceled"),
        ({"status": "succeeded", "output": None, "data_removed": True}, "upstream_failed", "hour"),
    ],
)
async def test_the_end_of_a_job_is_told_with_its_reason(
    http: HttpClient, told: dict[str, object], code: str, says: str
) -> None:
    async with serving(replying(200, json.dumps(told))) as url:
        result = await a_replicate(http, url).watch("p1").poll()
    failed = result.failed if isinstance(result, Ended) else result
    assert isinstance(failed, Failed)
    assert failed.code == code
    assert says in failed.message


async def test_a_throttled_submit_says_when_to_come_again(http: HttpClient) -> None:
    problem = {"detail": "Request was throttled. Your rate limit resets in ~30s.", "status": 429}
    async with serving(replying(429, json.dumps(problem))) as url:
        with pytest.raises(RateLimited) as caught:
            await a_replicate(http, url).submit(MODEL.request(prompt="a cat"))
    assert caught.value.retry_after_s == 30


async def test_a_refusal_of_the_safety_check_is_moderation(http: HttpClient) -> None:
    problem = {
        "title": "Invalid input",
        "detail": "The input was flagged as sensitive.",
        "status": 422,
    }
    async with serving(replying(422, json.dumps(problem))) as url:
        with pytest.raises(ModerationBlocked):
            await a_replicate(http, url).submit(MODEL.request(prompt="a cat"))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("canceled", CancelOutcome.STOPPED),
        ("aborted", CancelOutcome.STOPPED),
        ("processing", CancelOutcome.REQUESTED),
        ("succeeded", CancelOutcome.IMPOSSIBLE),
    ],
)
async def test_a_cancel_is_what_the_prediction_says_then(
    http: HttpClient, status: str, outcome: CancelOutcome
) -> None:
    async with serving(replying(200, json.dumps({"status": status}))) as url:
        assert await a_replicate(http, url).cancel("p1") is outcome


async def test_a_lost_submit_is_the_prediction_of_its_time_with_the_same_input(
    http: HttpClient,
) -> None:
    others = [
        listed(id="another-prompt", input=SENT | {"prompt": "a dog"}),
        listed(id="with-a-seed", input=SENT | {"seed": 7}),
        listed(id="another-model", model="google/veo-3.1-fast"),
        listed(id="by-hand", source="web"),
        listed(id="long-ago", at=NOW_S - 3600),
        listed(id="../../account"),
        "nonsense",
    ]
    result = await found(http, {"next": None, "results": [*others, listed()]})
    assert [(each.submission.provider_id, each.match) for each in result] == [
        ("p1", Match.LIKENESS)
    ]


async def test_a_picture_that_is_told_in_another_way_makes_a_likeness_a_hint(
    http: HttpClient,
) -> None:
    frame = a_reference(Role.FIRST_FRAME)
    same = listed(input=SENT | {"image": frame.url})
    another = listed(input=SENT | {"image": "https://files.example/other.png"})
    result = await found(http, {"results": [same, another]}, frame)
    assert [each.match for each in result] == [Match.LIKENESS, Match.HINT]


async def test_a_list_that_leads_to_a_stranger_is_not_followed(http: HttpClient) -> None:
    with pytest.raises(UpstreamBadResponse):
        await found(http, {"next": "https://stranger.example/v1/predictions", "results": []})
