"""What the key-based API is sent, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    RateLimited,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpResponse
from reelgate.providers.call import Report, VendorError
from reelgate.providers.imagine.refusals import error_sentence
from reelgate.providers.payload import first_object
from reelgate.providers.words import word_of

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


def submit_parts(request: VideoRequest, style: str) -> list[tuple[str, str]]:
    """The parts of a submit."""
    parts = [("prompt", request.prompt), ("style", style)]
    if request.aspect_ratio is not None:
        parts.append(("aspect_ratio", request.aspect_ratio))
    return parts


def code_of(response: HttpResponse) -> int | None:
    """The code in the vendor's own error object, whatever the status; None where there is none."""
    body = response.json()
    code = body.get("code") if isinstance(body, dict) and body.get("status") == "error" else None
    return code if type(code) is int else None


def error_of(response: HttpResponse) -> VendorError | None:
    """The vendor's own error object: its code first, then the answer's status.

    A job that failed comes with `status: error`, too, and is none.
    """
    if isinstance(first_object(response.json()).get("video"), dict):
        return None
    code = code_of(response)
    kind = KINDS.get(code or 0)
    if kind is None and response.status == EXPIRED_STATUS:
        kind = UpstreamUnauthorized
    says = error_sentence(response)
    if code is None and kind is None and says is None:
        return None
    return VendorError(says or "", str(code or ""), kind)


def read_report(job: Mapping[str, Any]) -> Report:
    """`{"status", "video": {"status", "url": {"generation": str | [str]}}}` [official]."""
    video = first_object(job.get("video"))
    name = video.get("status")
    if not isinstance(name, str):
        # The outer status speaks of the request, except that an error ends the job, too.
        name = job.get("status") if job.get("status") == "error" else ""
    reasons = (video.get("message"), video.get("error"), job.get("message"), job.get("error"))
    reason = next((each for each in reasons if isinstance(each, str) and each.strip()), "")
    return Report(
        word=word_of(name),
        status=str(name),
        url=generation_of(video.get("url")),
        reason=reason.strip(),
    )


def generation_of(url: object) -> str:
    """The video's address, which comes bare or as the first of a list; empty where none is."""
    told = url.get("generation") if isinstance(url, dict) else None
    first = told[0] if isinstance(told, list) and told else told
    return first.strip() if isinstance(first, str) else ""
