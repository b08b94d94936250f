"""What every registered provider must do, whatever its wire looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from reelgate.domain.fields import EDIT_VIDEO, EXTEND_VIDEO, Source
from reelgate.domain.picture import Picture
from reelgate.domain.reference import OWN, Kind, Reference, Role
from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    RateLimited,
    UpstreamError,
    UpstreamUnauthorized,
    VideoExpired,
)
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiProvider
from reelgate.providers.base import (
    CancelOutcome,
    Candidate,
    Match,
    Poller,
    PollResult,
    Ready,
    Running,
    can_reconcile,
)
from reelgate.providers.registered import SANDBOX_KEY
from reelgate.providers.registry import PROVIDERS, registered_models
from reelgate.sandbox.faults import Operation
from tests.media.movies import movie

from .conftest import PATIENCE_S, Case

pytestmark = pytest.mark.asyncio(loop_scope="package")

CHANGERS = [
    name
    for name in PROVIDERS
    if any(
        model.provider == name and {EDIT_VIDEO.name, EXTEND_VIDEO.name} & model.rows.keys()
        for model in registered_models()
    )
]
"""Those that make videos of others."""
KEPT = "kept:video"
OWN_WEB = {"imagine"}
"""Has no API key, and ends of its own that its own tests look at."""


async def content_of(case: Case, provider_id: str, range_header: str | None = None) -> bytes:
    async with case.provider.open_asset(provider_id, range_header=range_header) as asset:
        return b"".join([chunk async for chunk in asset.chunks])


async def poll_or_error(poller: Poller) -> PollResult | UpstreamError:
    try:
        return await poller.poll()
    except UpstreamError as error:
        return error


async def submit_fails(case: Case, faults: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await case.provider.submit(case.request(faults))
    assert SANDBOX_KEY not in f"{caught.value} {caught.value!r} {caught.value.upstream}"
    return caught.value


async def test_a_video_is_made_and_read(case: Case) -> None:
    made = await case.provider.submit(case.request())
    assert isinstance(await case.end_of(made.provider_id), Ready)
    whole = await content_of(case, made.provider_id)
    assert whole[4:8] == b"ftyp"
    assert await content_of(case, made.provider_id, "bytes=4-7") == b"ftyp"
    assert case.accepted() == 1


@pytest.mark.parametrize("name", CHANGERS)
async def test_what_it_makes_of_another_video_is_taken_once(case: Case) -> None:
    """Of each model, in each way that it declares."""
    clip = Picture(movie(), "video/mp4")
    for model in case.provider.models:
        for role, common in {Role.EDIT: EDIT_VIDEO, Role.EXTEND: EXTEND_VIDEO}.items():
            row = model.rows.get(common.name)
            for source in row.sources if row else ():
                before = await case.provider.submit(model.request(prompt="a lighthouse"))
                assert isinstance(await case.end_of(before.provider_id), Ready)
                address = f"{OWN}{before.provider_id}" if source is Source.OWN else KEPT
                said = {row.needs: model.default(row.needs) or 5} if row and row.needs else {}
                request = model.request(
                    prompt="in a storm", references=[Reference(Kind.VIDEO, role, address)], **said
                )
                paid = case.accepted()
                made = await case.provider.submit(request, pictures={KEPT: clip})
                assert isinstance(await case.end_of(made.provider_id), Ready)
                assert case.accepted() == paid + 1


async def test_a_job_at_work_is_running(case: Case) -> None:
    made = await case.provider.submit(case.request("[[never]]"))
    poller = case.provider.watch(made.provider_id)
    for _ in range(3):
        result = await poller.poll()
        assert isinstance(result, Running)
        assert result.progress is None or 0 <= result.progress < 100


@pytest.mark.parametrize(
    "fault",
    [
        "[[reset-after]]",
        "[[cut-off]]",
        "[[no-id]]",
        "[[front status=503 by=nginx]]",
        "[[front status=429 by=kong]]",
        "[[500 accepted=1]]",
        "[[502 accepted=1]]",
        "[[504 accepted=1]]",
    ],
)
async def test_an_accepted_submit_is_never_called_refused(case: Case, fault: str) -> None:
    error = await submit_fails(case, fault)
    assert not error.surely_refused
    assert case.accepted() == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
async def test_what_was_said_of_the_request_is_surely_refused(case: Case, status: int) -> None:
    error = await submit_fails(case, f"[[{status}]]")
    assert error.surely_refused
    assert not error.temporary
    assert case.accepted() == 0


async def test_a_refusal_to_slow_down_says_for_how_long(case: Case) -> None:
    error = await submit_fails(case, "[[429 retry-after=7]]")
    assert isinstance(error, RateLimited)
    assert error.surely_refused
    assert error.retry_after_s == 7
    assert isinstance(await submit_fails(case, "[[429]]"), RateLimited)
    assert case.accepted() == 0


async def test_a_connection_that_broke_before_the_work_is_not_called_accepted(case: Case) -> None:
    # The stand-in did nothing, but nobody outside can tell.
    assert not (await submit_fails(case, "[[reset-before]]")).surely_refused


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "429", "html", "cut-off", "front"])
async def test_a_poll_that_fails_says_nothing_about_the_job(case: Case, fault: str) -> None:
    made = await case.provider.submit(case.request(f"[[never]][[status-{fault} times=2]]"))
    poller = case.provider.watch(made.provider_id)
    results = [await poll_or_error(poller) for _ in range(3)]
    assert all(isinstance(each, Running | UpstreamError) for each in results)
    assert isinstance(results[-1], Running)


async def test_a_job_that_fails_is_told(case: Case) -> None:
    made = await case.provider.submit(case.request("[[fail after=0]]"))
    failed = await case.failure_of(made.provider_id)
    assert failed.code == "upstream_failed"
    assert SANDBOX_KEY not in failed.message


async def test_moderation_of_a_submit_is_a_refusal(vendor: Case) -> None:
    error = await submit_fails(vendor, "[[moderated at=submit]]")
    assert isinstance(error, ModerationBlocked)
    assert vendor.accepted() == 0


@pytest.mark.parametrize("at", ["job", "result"])
async def test_moderation_of_a_job_is_told_in_each_disguise(vendor: Case, at: str) -> None:
    made = await vendor.provider.submit(vendor.request(f"[[moderated at={at}]]"))
    failed = await vendor.failure_of(made.provider_id)
    assert failed.code == ModerationBlocked.code


async def test_a_file_that_is_gone_is_expired(vendor: Case) -> None:
    made = await vendor.provider.submit(vendor.request("[[expires]]"))
    await vendor.end_of(made.provider_id)
    with pytest.raises(VideoExpired):
        await content_of(vendor, made.provider_id)


async def test_a_job_that_is_forgotten_is_neither_ready_nor_failed(vendor: Case) -> None:
    made = await vendor.provider.submit(vendor.request("[[ready after=0]][[forgotten]]"))
    assert isinstance(await vendor.provider.watch(made.provider_id).poll(), Running)
    with pytest.raises(VideoExpired):
        await content_of(vendor, made.provider_id)


async def test_addresses_that_rotate_are_asked_for_anew(vendor: Case) -> None:
    made = await vendor.provider.submit(vendor.request("[[rotates]]"))
    await vendor.end_of(made.provider_id)
    await vendor.provider.watch(made.provider_id).poll()
    assert (await content_of(vendor, made.provider_id))[4:8] == b"ftyp"


async def test_a_ready_video_is_fetched_without_being_asked_for_again(vendor: Case) -> None:
    made = await vendor.provider.submit(vendor.request())
    await vendor.end_of(made.provider_id)
    polls = vendor.sandbox.recorder.count(Operation.STATUS)
    await content_of(vendor, made.provider_id)
    assert vendor.sandbox.recorder.count(Operation.STATUS) == polls
    await content_of(vendor, made.provider_id)
    assert vendor.sandbox.recorder.count(Operation.STATUS) > polls


async def test_a_file_opens_to_the_key_alone_where_the_adapter_says_so(
    vendor: Case, http: HttpClient
) -> None:
    provider = vendor.provider
    assert isinstance(provider, ApiProvider)
    made = await provider.submit(vendor.request())
    await vendor.end_of(made.provider_id)
    url = (await provider.report(made.provider_id)).url
    assert SANDBOX_KEY not in url
    answer = await http.request("GET", url, timeout_s=5)
    assert answer.ok is not provider.key_opens(url)
    assert provider.video_url(made.provider_id) == ""


async def test_a_dead_key_is_told_with_what_to_do(alone: Case) -> None:
    alone.sandbox.provider.account.set_token("another")
    error = await submit_fails(alone, "")
    assert isinstance(error, UpstreamUnauthorized)
    assert error.surely_refused
    if alone.name not in OWN_WEB:
        assert PROVIDERS[alone.name].settings.credential in error.message


async def test_an_account_without_credits_is_told_so(alone: Case) -> None:
    alone.sandbox.provider.account.credits = 0
    assert isinstance(await submit_fails(alone, ""), InsufficientCredits)


async def test_a_cancel_has_one_of_three_outcomes(case: Case) -> None:
    made = await case.provider.submit(case.request("[[never]]"))
    outcome = await case.provider.cancel(made.provider_id)
    assert isinstance(outcome, CancelOutcome)
    if outcome is CancelOutcome.STOPPED:
        assert not isinstance(await case.provider.watch(made.provider_id).poll(), Ready)


async def test_a_lost_submit_is_found_again(alone: Case) -> None:
    provider = alone.provider
    if not can_reconcile(provider):
        return
    request = alone.request("[[reset-after]]")
    since = alone.sandbox.provider.clock.now()
    with pytest.raises(UpstreamError):
        await provider.submit(request, marker="marker-1")
    found: Sequence[Candidate] = []
    async with asyncio.timeout(PATIENCE_S):
        # Some lists hold finished jobs only.
        while not found:
            found = await provider.reconcile(request, since - 1, marker="marker-1")
    assert [each.match in {Match.MARKER, Match.LIKENESS, Match.HINT} for each in found] == [True]


async def test_no_part_of_an_adapter_shows_its_key(case: Case) -> None:
    for part in (case.provider, case.provider.watch("id-1"), *vars(case.provider).values()):
        assert SANDBOX_KEY not in repr(part)


async def test_models_say_all_that_a_prompt_leaves_out(case: Case) -> None:
    for model in case.provider.models:
        request = model.sample(prompt="a cat")
        assert request.model == model.id
        assert request.fingerprint()
