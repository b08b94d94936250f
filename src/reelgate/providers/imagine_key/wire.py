"""What the key-based API is sent, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    ProxyAnswered,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import Answer
from reelgate.net.redact import fit_to_tell, redacted
from reelgate.providers import errors as generic
from reelgate.providers.base import Submission
from reelgate.providers.imagine.refusals import error_sentence, is_sure
from reelgate.providers.imagine.wire import SAFE_ID, first_object
from reelgate.providers.imagine.words import Word, word_of

UPSTREAM = "imagine.art's key-based API"
RENEW = "Make a new key at platform.imagine.art and put it in IMAGINE_API_KEY."

KINDS: Mapping[int, type[UpstreamError]] = {
    1000: UpstreamUnauthorized,  # 400: the token is missing
    1001: UpstreamUnauthorized,  # 401: it is invalid
    1002: UpstreamUnauthorized,  # 406: it has expired
    1003: UpstreamError,  # 400: captcha
    1004: UpstreamError,
    1005: UpstreamUnauthorized,  # 401
    1006: UpstreamUnauthorized,
    1007: UpstreamUnauthorized,
    1100: UpstreamError,  # 400: the request is invalid
    1101: InsufficientCredits,  # 402
    1103: UpstreamError,  # "No style was provided." [seen]
    1200: UpstreamUnavailable,  # 503
    1201: UpstreamUnavailable,
    1202: RateLimited,  # 429
}
"""The vendor's own table of codes [official]; each says that nothing was accepted."""
EXPIRED_STATUS = 406


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a job: its status word, as it is spelled, its video's address, a reason."""

    word: Word
    name: str = ""
    url: str = ""
    reason: str = ""


def submit_parts(request: VideoRequest, style: str) -> list[tuple[str, str]]:
    """The parts of a submit."""
    parts = [("prompt", request.prompt), ("style", style)]
    if request.aspect_ratio is not None:
        parts.append(("aspect_ratio", request.aspect_ratio))
    return parts


def code_of(answer: Answer) -> int | None:
    """The code in the vendor's own error object, whatever the status; None where there is none."""
    body = answer.json()
    code = body.get("code") if isinstance(body, dict) and body.get("status") == "error" else None
    return code if type(code) is int else None


def refusal(answer: Answer, *, hide: Callable[[str], str] = str) -> UpstreamError:
    """The error that an answer stands for: its own code first, then its status."""
    kind = KINDS.get(code_of(answer) or 0)
    if kind is None and answer.status == EXPIRED_STATUS:
        kind = UpstreamUnauthorized
    says = error_sentence(answer)
    return generic.refusal(answer, upstream=UPSTREAM, renew=RENEW, hide=hide, says=says, kind=kind)


def submit_refusal(answer: Answer, *, hide: Callable[[str], str] = str) -> UpstreamError:
    """The same of a submit: what is not in the vendor's own words may be a proxy's."""
    error = refusal(answer, hide=hide)
    if not error.surely_refused or code_of(answer) in KINDS or is_sure(answer):
        return error
    message = f"HTTP {answer.status} came back for {UPSTREAM}, but not in its own words."
    retry_after_s = generic.retry_after_s(answer)
    return ProxyAnswered(message, retry_after_s=retry_after_s, upstream=error.upstream)


def read_submission(answer: Answer, *, hide: Callable[[str], str] = str) -> Submission:
    """The accepted job: `{"id", "status"}`; `processing` and `success` are both seen.

    Raises:
        UpstreamError: it is the vendor's own refusal in a successful answer.
        UpstreamBadResponse: it names no job.
    """
    provider_id = first_object(answer.json()).get("id")
    if isinstance(provider_id, str) and SAFE_ID.fullmatch(provider_id):
        return Submission(provider_id)
    if code_of(answer) in KINDS:
        raise refusal(answer, hide=hide)
    told = fit_to_tell(hide(error_sentence(answer) or ""))
    says = f' It says: "{told}".' if told else ""
    message = f"{UPSTREAM} named no video in its answer to the submit.{says}"
    raise UpstreamBadResponse(message, upstream=redacted(hide(answer.text)))


def read_report(answer: Answer) -> Report:
    """`{"status", "video": {"status", "url": {"generation": str | [str]}}}` [official]."""
    job = first_object(answer.json())
    video = first_object(job.get("video"))
    name = video.get("status")
    if not isinstance(name, str):
        # The outer status speaks of the request, except that an error ends the job, too.
        name = job.get("status") if job.get("status") == "error" else ""
    reasons = (video.get("message"), video.get("error"), job.get("message"), job.get("error"))
    reason = next((each for each in reasons if isinstance(each, str) and each.strip()), "")
    return Report(word_of(name), str(name), generation_of(video.get("url")), reason.strip())


def generation_of(url: object) -> str:
    """The video's address, which comes bare or as the first of a list; empty where none is."""
    told = url.get("generation") if isinstance(url, dict) else None
    first = told[0] if isinstance(told, list) and told else told
    return first.strip() if isinstance(first, str) else ""
