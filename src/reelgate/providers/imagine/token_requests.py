"""Asks imagine.art for tokens: a new pair for a refresh token, by either of its two doors.

A refresh token is spent when it is used [official]: no request here is ever repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus

from reelgate.clock import Clock
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import UpstreamBadResponse, UpstreamUnauthorized, UpstreamUnavailable
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.redact import MASK, fit_to_tell
from reelgate.providers.imagine.credentials import read_claims

REFRESH_TIMEOUT_S = 30.0
DEAD_STATUSES = frozenset({400, 401, 403})
DEAD_ERRORS = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
FORM = "application/x-www-form-urlencoded"


class DeadCredential(UpstreamUnauthorized):
    """The refresh token is not accepted any more."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new pair, and when its access token ends (Unix time; None: it does not say)."""

    tokens: Tokens
    expires_at_s: float | None


async def renew(http: HttpClient, credential: Credential, auth_url: str, clock: Clock) -> Renewed:
    """Trade the refresh token for a new pair. It is spent by that: never do it twice.

    Raises:
        DeadCredential: it is not accepted any more.
        UpstreamError: no pair came; `surely_refused` tells whether the token is surely unspent.
    """
    if credential.kind is CredentialKind.OAUTH:
        return await renew_oauth(http, credential, clock)
    response = await http.post(
        f"{auth_url.rstrip('/')}/auth/other/refresh/web",
        b"",
        headers={"Authorization": f"Bearer {credential.tokens.refresh}"},
        timeout_s=REFRESH_TIMEOUT_S,
    )
    body = checked(response)
    result = body.get("result")
    pair = result if isinstance(result, dict) else {}
    access, refresh = pair.get("sessionToken"), pair.get("refreshToken")
    if not isinstance(access, str) or not access.strip():
        raise no_pair(response)
    kept = refresh if isinstance(refresh, str) and refresh else credential.tokens.refresh
    return Renewed(Tokens(access, kept), read_claims(access).expires_at_s)


async def renew_oauth(http: HttpClient, credential: Credential, clock: Clock) -> Renewed:
    """The same at an OAuth token endpoint (RFC 6749, 6)."""
    # 80 ms to load, and only a sign-in needs it.
    from authlib.oauth2.rfc6749.parameters import prepare_token_request  # noqa: PLC0415

    tokens = credential.tokens
    body = prepare_token_request(
        "refresh_token",
        refresh_token=tokens.refresh,
        client_id=tokens.client_id,
        resource=tokens.resource,
    )
    response = await post_token_request(http, tokens.token_url, body)
    return pair_of(response, tokens, clock)


async def post_token_request(http: HttpClient, url: str, body: str) -> HttpResponse:
    """Send a form to a token endpoint."""
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    return await http.post(url, body.encode(), headers=headers, timeout_s=REFRESH_TIMEOUT_S)


def pair_of(response: HttpResponse, before: Tokens, clock: Clock) -> Renewed:
    """The pair in a token endpoint's answer (RFC 6749, 5.1); what it leaves out stays as it was.

    Raises:
        DeadCredential: the code or the refresh token is not accepted.
        UpstreamError: no pair came.
    """
    body = checked(response)
    access, refresh = body.get("access_token"), body.get("refresh_token")
    kind = body.get("token_type", "Bearer")
    if not isinstance(access, str) or not access.strip() or str(kind).lower() != "bearer":
        raise no_pair(response)
    kept = refresh if isinstance(refresh, str) and refresh else before.refresh
    tokens = Tokens(access, kept, before.client_id, before.token_url, before.resource)
    lives_s = body.get("expires_in")
    if isinstance(lives_s, str) and lives_s.isdecimal():
        lives_s = int(lives_s)
    is_told = isinstance(lives_s, int | float) and math.isfinite(lives_s) and lives_s > 0
    ends = clock.now() + float(lives_s) if is_told else read_claims(access).expires_at_s  # type: ignore[arg-type]
    return Renewed(tokens, ends)


def checked(response: HttpResponse) -> dict[str, object]:
    """The object in a successful answer.

    Raises:
        DeadCredential: the token is refused.
        UpstreamError: the answer is of no use; it says what came instead.
    """
    body = response.json()
    told = body if isinstance(body, dict) else {}
    error = told.get("error")
    code = error if isinstance(error, str) else ""
    is_page = response.content_type == "text/html"
    refused = response.status in DEAD_STATUSES and not is_page
    is_misread = response.status == HTTPStatus.BAD_REQUEST and code == "invalid_request"
    if code in DEAD_ERRORS or (refused and not is_misread):
        reason = fit_to_tell(code or str(told.get("message") or ""))
        why = f"HTTP {response.status}" + (f', "{reason}"' if reason else "")
        raise DeadCredential(f"imagine.art does not accept the refresh token any more ({why}).")
    if response.status in {429, 503}:
        message = f"imagine.art's sign-in is not available for now (HTTP {response.status})."
        raise UpstreamUnavailable(message)
    if not response.ok or not told or code:
        raise no_pair(response, code)
    return told


def no_pair(response: HttpResponse, code: str = "") -> UpstreamBadResponse:
    """What came instead of a pair; never the body itself, for it may hold tokens."""
    if code:
        what = f'the error "{fit_to_tell(code) or MASK}"'
    elif not response.body.strip():
        what = "nothing"
    elif response.content_type == "text/html" or response.body.lstrip()[:1] == b"<":
        what = "a web page"
    else:
        what = "something without a token in it"
    return UpstreamBadResponse(
        f"imagine.art's sign-in answered HTTP {response.status} with {what} instead of a token."
    )
