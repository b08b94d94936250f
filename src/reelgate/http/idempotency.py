"""The headers by which a repeated request finds its job."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers

from reelgate.db.admission import AdmissionOptions
from reelgate.errors import InvalidRequest, Problem, brief
from reelgate.service.videos import Service

MAX_KEY_CHARS = 255
MAX_RETRIES = 1_000_000
LONGEST_AGE_S = 2.0**31
"""What a longer `max-age` counts as (RFC 9111, section 1.2.2)."""
MAX_DIGITS = 19
"""Of a number in a header: as many as fit in 64 bits."""


def admission_options(headers: Headers, service: Service, *, adopts: bool) -> AdmissionOptions:
    """`Idempotency-Key`, an SDK's count of its tries, and `Cache-Control: max-age`.

    Raises:
        InvalidRequest: one of them cannot be taken.
    """
    return service.admission_options(
        idempotency_key=idempotency_key(headers.getlist("idempotency-key")),
        retry=retry_count(headers.get("x-stainless-retry-count")),
        max_age_s=max_age_s(", ".join(headers.getlist("cache-control"))),
        adopts=adopts,
    )


def idempotency_key(values: Sequence[str]) -> str | None:
    """The key, as it was sent."""
    if len(set(values)) > 1:
        raise refused("Idempotency-Key", "is sent twice, with two values: send one")
    value = values[0] if values else None
    if value is None or 0 < len(value) <= MAX_KEY_CHARS:
        return value
    raise refused(
        "Idempotency-Key", f"holds {len(value)} characters: it takes 1 to {MAX_KEY_CHARS}"
    )


def retry_count(value: str | None) -> int:
    """Which try of an SDK this is; 0 for the first, and for what is no number."""
    count = whole_number(value, "x-stainless-retry-count") or 0
    if count > MAX_RETRIES:
        fault = f"{brief(value)} is too large: it takes 0 to {MAX_RETRIES}"
        raise refused("x-stainless-retry-count", fault)
    return count


def max_age_s(cache_control: str) -> float | None:
    """The `max-age` in seconds (RFC 9111), unless another directive forbids a finished video."""
    if not cache_control:
        return None
    directives = [part.strip().lower() for part in cache_control.split(",")]
    if "no-cache" in directives or "no-store" in directives:
        return None
    for directive in directives:
        name, _, value = directive.partition("=")
        if name == "max-age" and (age := whole_number(value.strip('"'), "Cache-Control")):
            return min(float(age), LONGEST_AGE_S)
    return None


def whole_number(value: str | None, header: str) -> int | None:
    """A plain decimal number; None for anything else.

    Raises:
        InvalidRequest: it has more digits than any number that means something.
    """
    if not value or not (value.isascii() and value.isdigit()):
        return None
    if len(value) > MAX_DIGITS:
        raise refused(header, f"holds a number of {len(value)} digits: {MAX_DIGITS} are the most")
    return int(value)


def refused(header: str, fault: str) -> InvalidRequest:
    """A header that cannot be taken, and why."""
    return InvalidRequest(problems=(Problem(header, f"{header} {fault}"),))
