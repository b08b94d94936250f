"""What each misbehaviour of the upstream comes to: the answer, the submits sent, the jobs paid.

The gateways of this table send a submit that was surely refused two times at most. No row pays
for more than one job, and none sends another submit once one may have been accepted.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from reelgate.sandbox.faults import ODD_VALUES
from reelgate.sandbox.faults import TABLE as FAULTS
from tests.gateway import Gateway, Reply, a_gateway, a_prompt

ATTEMPTS = 2
IMPATIENT_S = 2.5


@dataclass(frozen=True)
class Case:
    """One fault of the upstream, and what follows.

    `code` is the error's, or the status word where there is none; `submits` counts what the
    upstream saw, `paid` the jobs it accepted.
    """

    fault: str
    status: int
    code: str
    submits: int
    paid: int
    retry_after: str | None = None
    timeout_s: float | None = None


DONE = (200, "COMPLETED")
UNKNOWN = (502, "submission_unknown")
UNREADABLE = (502, "upstream_bad_response")
UNAUTHORIZED = (502, "upstream_unauthorized")
FAILED = (502, "upstream_failed")
OUT_OF_TIME = (504, "upstream_timeout")

TABLE = (
    # Nothing is wrong, or only the shape of the answer
    Case("", *DONE, submits=1, paid=1),
    Case("[[array]]", *DONE, submits=1, paid=1),
    Case("[[no-batch]]", *DONE, submits=1, paid=1),
    # Accepted, with a value that no database can hold or that nobody can mean
    *(Case(f"[[odd value={value}]]", *DONE, submits=1, paid=1) for value in ODD_VALUES),
    Case("[[late after=1]]", *DONE, submits=1, paid=1),
    Case("[[submit-slow-bytes rate=200]]", *DONE, submits=1, paid=1),
    # Surely refused, and waiting helps: sent again
    Case("[[429 times=1]]", *DONE, submits=2, paid=1),
    Case("[[429 retry-after=1 times=1]]", *DONE, submits=2, paid=1),
    Case("[[503 times=1]]", *DONE, submits=2, paid=1),
    Case("[[503 retry-after=1 times=1]]", *DONE, submits=2, paid=1),
    Case("[[429]]", 429, "rate_limited", submits=2, paid=0, retry_after="30"),
    Case("[[429 retry-after=1]]", 429, "rate_limited", submits=2, paid=0, retry_after="1"),
    Case("[[429 retry-after=601]]", 429, "rate_limited", submits=1, paid=0, retry_after="601"),
    Case("[[503]]", *FAILED, submits=2, paid=0, retry_after="30"),
    Case("[[503 retry-after=700]]", *FAILED, submits=1, paid=0, retry_after="700"),
    # Surely refused, and waiting does not help
    Case("[[400]]", *FAILED, submits=1, paid=0),
    Case("[[401]]", *UNAUTHORIZED, submits=1, paid=0),
    Case("[[405]]", *FAILED, submits=1, paid=0),
    Case("[[410]]", *FAILED, submits=1, paid=0),
    Case("[[402]]", 402, "insufficient_credits", submits=1, paid=0),
    Case("[[403]]", *FAILED, submits=1, paid=0),
    Case("[[404]]", *FAILED, submits=1, paid=0),
    # Perhaps accepted: never sent again
    Case("[[500]]", *UNKNOWN, submits=1, paid=0),
    Case("[[500 accepted=1]]", *UNKNOWN, submits=1, paid=1),
    Case("[[501]]", *UNKNOWN, submits=1, paid=0),
    Case("[[502]]", *UNKNOWN, submits=1, paid=0),
    Case("[[502 accepted=1]]", *UNKNOWN, submits=1, paid=1),
    # ... for a proxy answers in the upstream's place, as it also does after it has handed it on
    Case("[[front status=502]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=408 by=haproxy]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=429 by=cloudflare]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=429 by=kong retry-after=1]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=503 by=nginx]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=503 by=envoy retry-after=1]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=503 by=empty]]", *UNKNOWN, submits=1, paid=1),
    Case("[[front status=302 by=empty]]", *UNREADABLE, submits=1, paid=1),
    Case("[[front status=401 by=nginx accepted=0]]", *UNAUTHORIZED, submits=1, paid=0),
    Case("[[front status=413 by=nginx accepted=0]]", *FAILED, submits=1, paid=0),
    Case("[[504]]", *UNKNOWN, submits=1, paid=0),
    Case("[[504 accepted=1]]", *UNKNOWN, submits=1, paid=1),
    Case("[[reset-before]]", *UNKNOWN, submits=1, paid=0),
    Case("[[reset-after]]", *UNKNOWN, submits=1, paid=1),
    Case("[[cut-off]]", *UNKNOWN, submits=1, paid=1),
    Case("[[html]]", *UNREADABLE, submits=1, paid=0),
    Case("[[no-id]]", *UNREADABLE, submits=1, paid=1),
    # Refused first, perhaps accepted then
    Case("[[429 times=1]] [[reset-after]]", *UNKNOWN, submits=2, paid=1),
    # Accepted, and the polls go wrong
    Case("[[says as=upscaling]]", *DONE, submits=1, paid=1),
    Case("[[status-404]]", *DONE, submits=1, paid=1),
    Case("[[status-403]]", *DONE, submits=1, paid=1),
    Case("[[status-403]] [[not-ready-403]] [[ready after=1]]", *DONE, submits=1, paid=1),
    Case("[[status-401]]", *DONE, submits=1, paid=1),
    Case("[[status-429 retry-after=1 times=1]]", *DONE, submits=1, paid=1),
    Case("[[status-500 times=1]]", *DONE, submits=1, paid=1),
    Case("[[status-html times=2]]", *DONE, submits=1, paid=1),
    Case("[[status-reset-before times=2]]", *DONE, submits=1, paid=1),
    Case("[[status-cut-off times=2]]", *DONE, submits=1, paid=1),
    Case("[[asset-503 times=1]]", *DONE, submits=1, paid=1),
    Case("[[asset-html times=2]]", *DONE, submits=1, paid=1),
    Case("[[asset-403 times=1]]", *DONE, submits=1, paid=1),
    # Accepted and ready, and the fetching goes wrong
    Case("[[slow-bytes rate=40000]]", *DONE, submits=1, paid=1),
    Case("[[asset-cut-off times=1]]", *DONE, submits=1, paid=1),
    Case("[[head-405]]", *DONE, submits=1, paid=1),
    Case("[[gzip]]", *DONE, submits=1, paid=1),
    Case("[[moved]]", *DONE, submits=1, paid=1),
    # Moderation: at the submit, in the job, and a card in place of the video
    Case("[[moderated at=submit]]", 403, "moderation_blocked", submits=1, paid=0),
    Case("[[moderated]]", 403, "moderation_blocked", submits=1, paid=1),
    Case("[[card]]", 403, "moderation_blocked", submits=1, paid=1),
    Case("[[octet-stream]]", *DONE, submits=1, paid=1),
    Case("[[download-404 for=2]]", *DONE, submits=1, paid=1),
    Case("[[download-redirect times=2]]", *DONE, submits=1, paid=1),
    Case("[[asset-reset-before times=2]]", *DONE, submits=1, paid=1),
    # Accepted, and no video comes of it
    Case("[[fail after=0.1]]", *FAILED, submits=1, paid=1),
    Case("[[ends as=failed after=0.1]]", *FAILED, submits=1, paid=1),
    Case("[[never]]", *OUT_OF_TIME, submits=1, paid=1, timeout_s=IMPATIENT_S),
    Case("[[asset-html]]", *OUT_OF_TIME, submits=1, paid=1, timeout_s=IMPATIENT_S),
    Case("[[download-503]]", *OUT_OF_TIME, submits=1, paid=1, timeout_s=IMPATIENT_S),
    # Its first poll, which is answered, comes before it is ready.
    Case("[[asset-redirect]] [[ready after=4]]", *OUT_OF_TIME, submits=1, paid=1, timeout_s=6.0),
    Case("[[status-503]] [[never]]", *OUT_OF_TIME, submits=1, paid=1, timeout_s=IMPATIENT_S),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one case; `submitted_at` in Unix seconds."""

    reply: Reply
    submitted_at: list[float]
    paid: int


async def outcome_of(case: Case, gateway: Gateway) -> Outcome:
    prompt = a_prompt(case.fault)
    reply = await gateway.generate(prompt)
    submits = [submit["at"] for submit in await gateway.submits(prompt)]
    return Outcome(reply, submits, len(await gateway.accepted(prompt)))


async def all_outcomes(folder: Path, sandbox_url: str) -> dict[Case, Outcome]:
    """Every case at once: they have nothing to do with each other, and most of them wait.

    But "slow down" concerns the whole account, so that such a case has a gateway to itself.
    """
    async with AsyncExitStack() as stack:
        gateways: dict[object, Gateway] = {}
        for number, case in enumerate(TABLE):
            slows = "429" in case.fault or "front" in case.fault
            key = case if slows else case.timeout_s
            if key not in gateways:
                more = {"job_timeout_s": case.timeout_s} if case.timeout_s else {}
                opening = a_gateway(
                    folder / str(number), sandbox_url, submit_attempts=ATTEMPTS, **more
                )
                gateways[key] = await stack.enter_async_context(opening)
        outcomes = [
            outcome_of(case, gateways[case if case in gateways else case.timeout_s])
            for case in TABLE
        ]
        return dict(zip(TABLE, await asyncio.gather(*outcomes), strict=True))


@pytest.mark.long
async def test_a_fault_has_its_answer_and_its_price(tmp_path: Path, sandbox_url: str) -> None:
    outcomes = await all_outcomes(tmp_path, sandbox_url)
    found = {case: what_became_of(outcome) for case, outcome in outcomes.items()}
    assert found == {
        case: (case.status, case.code, case.retry_after, case.submits, case.paid) for case in TABLE
    }
    for case, outcome in outcomes.items():
        if "retry-after=1 times=1" in case.fault and case.submits == 2:
            first, second = outcome.submitted_at
            assert second - first >= 1.0
    replies = {case.fault: outcome.reply for case, outcome in outcomes.items()}
    assert "IMAGINE_PARENT_ID" in replies["[[403]]"].body["detail"]
    assert "IMAGINE_TOKEN" in replies["[[401]]"].body["detail"]
    # A video out of our time is not told to be free.
    assert "may still finish it, and charge for it" in replies["[[never]]"].body["detail"]
    assert "Retry-After" not in replies["[[never]]"].headers


def what_became_of(outcome: Outcome) -> tuple[int, str, str | None, int, int]:
    """Status, code, `Retry-After`, submits and accepted jobs."""
    body, reply = outcome.reply.body, outcome.reply
    code = body["error"]["code"] if "error" in body else body["status"]
    retry_after = reply.headers.get("Retry-After")
    return reply.status, code, retry_after, len(outcome.submitted_at), outcome.paid


def test_the_table_has_every_fault_of_the_sandbox() -> None:
    """A fault that the sandbox learns must find its row here."""

    named = " ".join(case.fault for case in TABLE)
    of_imagine = [fault for fault in FAULTS if "(not imagine.art)" not in fault.meaning]
    assert [fault.name for fault in of_imagine if fault.name not in named] == []


async def test_a_card_in_place_of_a_video_is_named_and_kept_as_evidence(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        reply = await gateway.generate(a_prompt("[[card]] [[ready after=0]]"))
        assert (reply.status, reply.code) == (403, "moderation_blocked")
        assert "1.0 s long where 5 s were asked for" in reply.body["detail"]
        assert (tmp_path / "videos" / f"{reply.video}.mp4").stat().st_size > 0
        video = await gateway.call("GET", f"/v1/videos/{reply.video}")
        assert video.body["reelgate"]["charge"] == "charged"
