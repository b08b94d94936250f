from __future__ import annotations

import pytest

from reelgate.domain.price import Money, Unit
from reelgate.errors import (
    AnswerLost,
    InsufficientCredits,
    ProxyAnswered,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import USER_AGENT, HttpClient
from reelgate.providers.imagine import adapter as imagine_web
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.sandbox import Sandbox
from reelgate.sandbox.faults import FRONTS
from tests.http_servers import replying, serving
from tests.providers.imagine_account import MODELS, a_request, a_token, an_imagine


def submits(sandbox: Sandbox) -> list[str]:
    """What the sandbox saw, each submit with what became of it."""
    return [str(seen.outcome) for seen in sandbox.recorder if seen.operation == "submit"]


async def the_error(imagine: ImagineWeb, prompt: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await imagine.submit(a_request(prompt))
    return caught.value


async def test_an_accepted_submit_tells_the_job(imagine: ImagineWeb, sandbox: Sandbox) -> None:
    submission = await imagine.submit(a_request("a cat [[never]]", duration=5, resolution="720p"))
    [job] = sandbox.jobs
    assert (submission.provider_id, submission.batch_id) == (job.id, job.batch_id)
    assert submission.cost == Money(job.cost, Unit.CREDITS)
    assert job.placeholder_uuid
    [seen] = sandbox.recorder
    assert seen.user_agent == USER_AGENT
    assert seen.user_agent.startswith("reelgate/0.")


async def test_each_submit_has_a_placeholder_of_its_own(
    imagine: ImagineWeb, sandbox: Sandbox
) -> None:
    for _ in range(2):
        await imagine.submit(a_request("a cat [[never]]"))
    assert len({job.placeholder_uuid for job in sandbox.jobs}) == 2


@pytest.mark.parametrize("model", MODELS)
async def test_every_models_usual_choice_is_taken(imagine: ImagineWeb, model: str) -> None:
    assert (await imagine.submit(a_request("a cat [[never]]", model=model))).provider_id


async def test_an_array_is_as_good_as_an_object(imagine: ImagineWeb, sandbox: Sandbox) -> None:
    submission = await imagine.submit(a_request("a cat [[array]] [[never]]"))
    assert [job.id for job in sandbox.jobs] == [submission.provider_id]


async def test_a_missing_batch_is_empty(imagine: ImagineWeb) -> None:
    submission = await imagine.submit(a_request("a cat [[no-batch]] [[never]]"))
    assert submission.batch_id == ""


@pytest.mark.parametrize(
    ("directive", "kind", "outcome"),
    [
        ("[[400]]", UpstreamError, "refused"),
        ("[[401]]", UpstreamUnauthorized, "refused"),
        ("[[402]]", InsufficientCredits, "refused"),
        ("[[403]]", UpstreamError, "refused"),
        ("[[404]]", UpstreamError, "refused"),
        ("[[429]]", RateLimited, "refused"),
        ("[[500]]", UpstreamFault, "refused"),
        ("[[500 accepted=1]]", UpstreamFault, "accepted"),
        ("[[502 accepted=1]]", UpstreamFault, "accepted"),
        ("[[503]]", UpstreamUnavailable, "refused"),
        ("[[504 accepted=1]]", UpstreamFault, "accepted"),
        ("[[html]]", UpstreamBadResponse, "refused"),
        ("[[reset-before]]", AnswerLost, "refused"),
        ("[[reset-after]]", AnswerLost, "accepted"),
        ("[[cut-off]]", AnswerLost, "accepted"),
        ("[[no-id]]", UpstreamBadResponse, "accepted"),
    ],
)
async def test_a_faulty_submit_is_one_submit_and_one_error(
    imagine: ImagineWeb,
    sandbox: Sandbox,
    directive: str,
    kind: type[UpstreamError],
    outcome: str,
) -> None:
    error = await the_error(imagine, f"a cat {directive} [[never]]")
    assert type(error) is kind
    assert submits(sandbox) == [outcome]
    assert not (error.surely_refused and outcome == "accepted")


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("status", [408, 409, 425, 429, 499, 500, 502, 503, 504, 520])
async def test_what_a_proxy_says_proves_nothing(
    imagine: ImagineWeb, sandbox: Sandbox, status: int, front: str
) -> None:
    error = await the_error(imagine, f"a cat [[front status={status} by={front}]] [[never]]")
    assert not error.surely_refused
    assert submits(sandbox) == ["accepted"]


@pytest.mark.parametrize("status", [409, 418, 429, 503])
async def test_the_vendors_own_words_are_a_refusal(http: HttpClient, status: int) -> None:
    body = '{"status": "error", "code": 1202, "error": "RATE", "message": "Slow down, please."}'
    async with serving(replying(status, body)) as url:
        error = await the_error(an_imagine(http, url), "a cat")
    assert error.surely_refused
    assert 'It says: "Slow down, please".' in error.message


@pytest.mark.parametrize(
    "body",
    [
        "",
        "slow down",
        '{"message": "Too Many Requests"}',
        '{"error": "slow down"}',
        '{"status": 429, "error": "Too Many Requests"}',
        '{"status": "error"}',
        '[{"status": "error", "message": "no"}]',
    ],
)
async def test_a_body_that_others_send_too_is_no_refusal(http: HttpClient, body: str) -> None:
    async with serving(replying(429, body, Retry_After="3")) as url:
        error = await the_error(an_imagine(http, url), "a cat")
    assert type(error) is ProxyAnswered
    assert error.retry_after_s == 3.0


async def test_somebody_elses_folder_is_named(imagine: ImagineWeb) -> None:
    error = await the_error(imagine, "a cat [[403]]")
    assert "IMAGINE_PARENT_ID" in error.message
    assert error.upstream is not None
    assert "parent asset" in error.upstream


@pytest.mark.parametrize(
    ("directive", "expected_s"), [("[[429 retry-after=2]]", 2.0), ("[[503 retry-after=7]]", 7.0)]
)
async def test_retry_after_is_handed_on(
    imagine: ImagineWeb, directive: str, expected_s: float
) -> None:
    assert (await the_error(imagine, directive)).retry_after_s == expected_s


async def test_a_late_answer_leaves_the_outcome_open(
    imagine: ImagineWeb, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagine_web, "SUBMIT_TIMEOUT_S", 0.5)
    error = await the_error(imagine, "a cat [[submit-late after=30]] [[never]]")
    assert type(error) is AnswerLost
    assert submits(sandbox) == ["accepted"]


async def test_used_up_credits_are_told(imagine: ImagineWeb, sandbox: Sandbox) -> None:
    sandbox.provider.account.credits = 0
    assert type(await the_error(imagine, "a cat")) is InsufficientCredits


async def test_a_withdrawn_token_is_told(imagine: ImagineWeb, sandbox: Sandbox) -> None:
    sandbox.provider.account.set_token("another")
    error = await the_error(imagine, "a cat")
    assert type(error) is UpstreamUnauthorized
    assert "IMAGINE_TOKEN" in error.message


async def test_with_a_token_known_to_be_dead_nothing_is_sent(
    http: HttpClient, sandbox: Sandbox
) -> None:
    imagine = an_imagine(http, sandbox.url, a_token(exp=1))
    error = await the_error(imagine, "a cat")
    assert type(error) is UpstreamUnauthorized
    assert submits(sandbox) == []
