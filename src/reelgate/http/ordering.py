"""What a request's headers say of paying once."""

from __future__ import annotations

from starlette.datastructures import Headers

from reelgate.errors import InvalidRequest, Problem
from reelgate.service import Service
from reelgate.store.admission import Terms

MAX_KEY_CHARS = 255


def terms_of(headers: Headers, service: Service, *, adopts: bool) -> Terms:
    """`Idempotency-Key`, an SDK's count of its tries, and `Cache-Control: max-age`.

    Raises:
        InvalidRequest: the key is empty or too long.
    """
    return service.terms(
        idempotency_key=idempotency_key(headers.get("idempotency-key")),
        retry=whole_number(headers.get("x-stainless-retry-count")) or 0,
        max_age_s=max_age_s(headers.get("cache-control")),
        adopts=adopts,
    )


def idempotency_key(value: str | None) -> str | None:
    """The key, as it was sent."""
    if value is None or 0 < len(value) <= MAX_KEY_CHARS:
        return value
    message = f"Idempotency-Key holds {len(value)} characters: it takes 1 to {MAX_KEY_CHARS}"
    raise InvalidRequest(problems=(Problem("Idempotency-Key", message),))


def max_age_s(cache_control: str | None) -> float | None:
    """The `max-age` in seconds (RFC 9111), unless another directive forbids a finished video."""
    directives = [part.strip().lower() for part in (cache_control or "").split(",")]
    if "no-cache" in directives or "no-store" in directives:
        return None
    for directive in directives:
        name, _, value = directive.partition("=")
        age = whole_number(value.strip('"'))
        if name == "max-age" and age:
            return float(age)
    return None


def whole_number(value: str | None) -> int | None:
    """A plain decimal number; None for anything else."""
    return int(value) if value and value.isascii() and value.isdigit() else None
