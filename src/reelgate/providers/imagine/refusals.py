"""Which answers to a submit are surely refusals: data, each row with how sure we are of it.

A submit that was surely refused may be sent again. A proxy in front of imagine.art says 429 and 503
as well, also for requests that it has handed on, so the status alone proves nothing: what counts is
that imagine.art's own words came back, or a status that is only ever said of a request as it
stands. Whatever no row names may have been accepted. See docs/adr, number 6.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from reelgate.net.client import HttpResponse


class Certainty(StrEnum):
    """Where a fact about imagine.art's wire comes from."""

    OFFICIAL = "official"  # read from the vendor's own documentation or client
    SEEN = "seen"  # in code of third parties
    ASSUMED = "assumed"  # our choice where nothing is known


class Body(StrEnum):
    """Whose words a refusal must be in."""

    VENDORS = "vendor's"  # imagine.art's own error object
    ANY = "any"  # a proxy's as well


@dataclass(frozen=True, slots=True)
class SureRefusal:
    """One way of refusing a submit that leaves no doubt.

    Attributes:
        statuses: the HTTP statuses it comes with.
        body: whose words it must be in.
        certainty: how sure this is.
        why: where it is from.
    """

    statuses: Container[int]
    body: Body
    certainty: Certainty
    why: str


SURE_REFUSALS = (
    SureRefusal(
        frozenset({429, 503}),
        Body.VENDORS,
        Certainty.OFFICIAL,
        "The table of errors of the key-based API: 1200 and 1201 are 503, 1202 is 429. That the"
        " web API uses the same object is assumed.",
    ),
    SureRefusal(
        frozenset({400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431, 451}),
        Body.ANY,
        Certainty.ASSUMED,
        "Said of the request itself (RFC 9110, 15.5): whoever says it, imagine.art or a proxy, has"
        " judged the request instead of carrying it out.",
    ),
    # Not 408 and not 499: they are said for a server that fell silent, and for a caller that left.
    SureRefusal(
        frozenset(range(400, 499)) - {408, 429},
        Body.VENDORS,
        Certainty.ASSUMED,
        "Every other 4xx in imagine.art's own words.",
    ),
)


def is_sure(response: HttpResponse) -> bool:
    """Whether this answer to a submit can only mean that nothing was accepted."""
    vendors = error_sentence(response) is not None
    return any(
        response.status in row.statuses and (vendors or row.body is Body.ANY)
        for row in SURE_REFUSALS
    )


def error_sentence(response: HttpResponse) -> str | None:
    """What imagine.art itself says in its error object; None in anybody else's words.

    The object is `{"status": "error", "code": int, "error": str, "message": str}` [official, of the
    key-based API]. Bodies with a `message` or an `error` alone are seen, but they are also what API
    gateways send (AWS's `{"message": "Service Unavailable"}`, Kong's, Spring's): they do not count.
    """
    body = response.json()
    if not isinstance(body, dict) or body.get("status") != "error":
        return None
    sentences = (body.get("message"), body.get("error"))
    return next((each for each in sentences if isinstance(each, str) and each.strip()), None)
