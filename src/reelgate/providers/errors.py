"""What an upstream's error answer means: status before text.

Of the text only a vendor's own plain sentence gets into a public message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpResponse
from reelgate.net.redact import fit_to_tell, redacted

KINDS: Mapping[int, type[UpstreamError]] = {
    401: UpstreamUnauthorized,
    402: InsufficientCredits,
    403: UpstreamUnauthorized,
    # "I did not get the whole request": proxies also say so for a server that fell silent.
    408: UpstreamFault,
    429: RateLimited,
    # "I did not serve this" (RFC 9110, 15.6.4); any other 5xx may come after the work was done.
    503: UpstreamUnavailable,
}

SENTENCES: Mapping[type[UpstreamError], str] = {
    UpstreamUnauthorized: "{upstream} does not accept the token: it has expired or was withdrawn",
    InsufficientCredits: "The {upstream} account has no credits left",
    RateLimited: "{upstream} asks to slow down",
    UpstreamUnavailable: "{upstream} is not available for now",
    UpstreamFault: "{upstream} answered with a fault of its own",
    UpstreamBadResponse: "{upstream} answered something that makes no sense here",
    ModerationBlocked: "{upstream}'s moderation refused the prompt",
    UpstreamError: "{upstream} refused the request",
}

MODERATION_STATUSES = frozenset({400, 403, 422, 451})
MODERATION_WORDS = re.compile(
    r"\bmoderat(?:ion|ed)\b|\bnsfw\b|\b(?:content|usage|safety) (?:policy|policies|guidelines?)\b"
    r"|\bcommunity guidelines\b|\bsafety (?:filters?|systems?|checks?)\b"
    r"|\binappropriate (?:content|prompt)\b|\bprohibited content\b",
    re.IGNORECASE,
)
REASON_KEYS = ("message", "error", "code", "detail", "reason", "type")

MAX_RETRY_AFTER_S = 3600.0
RETRY_AFTER_SECONDS = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)


def refusal(
    response: HttpResponse,
    *,
    upstream: str,
    renew: str,
    hide: Callable[[str], str] = str,
    says: str | None = None,
    kind: type[UpstreamError] | None = None,
    wait_s: float | None = None,
) -> UpstreamError:
    """The error that an answer without success stands for.

    Args:
        response: any that is not the success that was hoped for.
        upstream: the upstream's name in messages.
        renew: what to do about a dead token, a sentence.
        hide: takes our own secrets out of a text, in case the upstream echoes them.
        says: the vendor's own sentence, told if it is fit to be.
        kind: what it is where a vendor has codes of its own; None: what the status says.
        wait_s: how long its body asks to wait, in seconds; a `Retry-After` header goes first.
    """
    kind = kind or kind_of(response)
    told = fit_to_tell(hide(says)) if says else None
    reason = f' It says: "{told}".' if told else ""
    sentence = SENTENCES[kind].format(upstream=upstream)
    advice = f" {renew}" if kind is UpstreamUnauthorized else ""
    return kind(
        f"{sentence} (HTTP {response.status}).{reason}{advice}",
        retry_after_s=wait_of(response, wait_s) if kind.temporary else None,
        upstream=redacted(hide(response.text)),
    )


def kind_of(response: HttpResponse) -> type[UpstreamError]:
    """The class of error that an answer's status, and only then its text, stands for."""
    if response.status in MODERATION_STATUSES and is_moderation(response):
        return ModerationBlocked
    if response.status in KINDS:
        return KINDS[response.status]
    match response.status // 100:
        case 4:
            return UpstreamError
        case 5:
            return UpstreamFault
        case _:
            return UpstreamBadResponse


def is_moderation(response: HttpResponse) -> bool:
    """Whether the answer itself, not a prompt that it quotes, clearly speaks of moderation."""
    return any(MODERATION_WORDS.search(reason) for reason in reasons(response))


def reasons(response: HttpResponse) -> Iterator[str]:
    """The sentences and codes in which an error answer gives its reason."""
    payload = response.json()
    if not isinstance(payload, dict):
        if payload is None and response.content_type != "text/html":
            yield response.text
        return
    inner = payload.get("error")
    for holder in (payload, inner if isinstance(inner, dict) else {}):
        for key in REASON_KEYS:
            if isinstance(value := holder.get(key), str):
                # Codes come as `CONTENT_POLICY`: a word boundary sees no underscore.
                yield value.replace("_", " ")


def retry_after_s(response: HttpResponse) -> float | None:
    """How long the `Retry-After` header asks to wait, in seconds (RFC 9110, 10.2.3).

    Seconds or a date, which counts from the answer's own `Date` so that clocks may differ.
    Never below zero or above an hour; None when there is no such header or it makes no sense.
    """
    value = response.headers.get("Retry-After", "").strip()
    if RETRY_AFTER_SECONDS.fullmatch(value):
        wait_s = float(value)
    elif (until_s := http_date_s(value)) is not None:
        sent_at_s = http_date_s(response.headers.get("Date", ""))
        wait_s = until_s - (response.received_at_s if sent_at_s is None else sent_at_s)
    else:
        return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def wait_of(response: HttpResponse, told_s: float | None) -> float | None:
    """How long an answer asks to wait, by its header or else its body; None where neither does."""
    by_header_s = retry_after_s(response)
    if by_header_s is not None or told_s is None:
        return by_header_s
    return min(max(told_s, 0.0), MAX_RETRY_AFTER_S)


def http_date_s(value: str) -> float | None:
    """An HTTP date as Unix time in seconds; None when it is not one."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else utc(moment)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def utc(moment: datetime) -> datetime:
    """HTTP dates are in GMT even when they do not say so."""
    return moment.replace(tzinfo=UTC)
