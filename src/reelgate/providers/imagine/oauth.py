"""Signing in at imagine.art: OAuth 2.1 for a public client, with PKCE (RFC 7636) and no secret.

Everything is discovered (RFC 8414) and the client registers itself (RFC 7591). Authlib writes the
requests and reads the redirect; they go through our own HTTP client.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749.errors import MismatchingStateException, MissingCodeException
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from reelgate.clock import Clock
from reelgate.domain.credentials import Tokens
from reelgate.errors import UpstreamBadResponse, UpstreamError
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.hosts import is_loopback
from reelgate.net.redact import fit_to_tell
from reelgate.providers.imagine.token_requests import Renewed, pair_of, post_token_request
from reelgate.providers.signin import SignInFailed

METADATA_PATH = "/.well-known/oauth-authorization-server"
TIMEOUT_S = 20.0
SCOPE = "openid email mcp:tools"
CLIENT_NAME = "Reelgate"
VERIFIER_BYTES = 48
STATE_BYTES = 24


@dataclass(frozen=True, slots=True)
class AuthServer:
    """Where imagine.art signs people in."""

    issuer: str
    authorization_url: str
    token_url: str
    registration_url: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way.

    Attributes:
        server: where.
        client_id: who we are there.
        redirect_uri: where the browser is sent back to.
        resource: what the token is for (RFC 8707).
        state: what the redirect must bring back.
        verifier: what proves that the code was asked for here.
    """

    server: AuthServer
    client_id: str
    redirect_uri: str
    resource: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        address: str = prepare_grant_uri(
            self.server.authorization_url,
            self.client_id,
            "code",
            redirect_uri=self.redirect_uri,
            scope=SCOPE,
            state=self.state,
            code_challenge=create_s256_code_challenge(self.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
            resource=self.resource,
        )
        return address

    def code_in(self, redirected: str) -> str:
        """The code in the address that the browser was sent back to.

        Raises:
            SignInFailed: it holds none, or belongs to another sign-in.
        """
        told = dict(parse_qsl(urlsplit(redirected.strip()).query))
        if "error" in told and told.get("state") == self.state:
            what = fit_to_tell(told["error"].replace("_", " ")) or "an error"
            message = f"imagine.art did not sign you in: {what}. Run the command again to try anew."
            raise SignInFailed(message)
        if told.get("iss", self.server.issuer) != self.server.issuer:
            message = (
                "The redirect comes from another sign-in server than it should; nothing was kept."
            )
            raise SignInFailed(message)
        try:
            code: str = parse_authorization_code_response(redirected.strip(), self.state)["code"]
        except MismatchingStateException:
            message = (
                "The redirect belongs to another sign-in (its `state` is not the one sent out), so"
                " it was not used. Open the address shown last, and sign in there."
            )
            raise SignInFailed(message) from None
        except MissingCodeException:
            message = (
                "There is no `code` in that address: paste the whole address of the page that the"
                " browser was sent to, from http:// on."
            )
            raise SignInFailed(message) from None
        return code


async def discover(http: HttpClient, mcp_url: str) -> AuthServer:
    """Read where to sign in.

    Raises:
        UpstreamError: the host does not tell; says what came instead.
    """
    base = mcp_url.rstrip("/")
    response = await http.request("GET", f"{base}{METADATA_PATH}", timeout_s=TIMEOUT_S)
    document = object_of(response, "its sign-in addresses")
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise UpstreamBadResponse("imagine.art's sign-in does not offer PKCE with S256 any more.")
    names = ("issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint")
    return AuthServer(*(address_in(document, name, base) for name in names))


def address_in(document: dict[str, object], name: str, base: str) -> str:
    """An address that tokens may be sent to: HTTPS, unless all of it is on this machine.

    Raises:
        UpstreamBadResponse: it is none.
    """
    address = document.get(name)
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    is_here = is_loopback(parts.hostname or "") and is_loopback(urlsplit(base).hostname or "")
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_here)):
        message = f"imagine.art's sign-in tells no HTTPS address as its {name.replace('_', ' ')}."
        raise UpstreamBadResponse(message)
    return str(address)


async def begin(http: HttpClient, server: AuthServer, redirect_uri: str, resource: str) -> Attempt:
    """Register as a client of our own, and prepare a sign-in.

    Raises:
        UpstreamError: the registration is refused.
    """
    wish = {
        "client_name": CLIENT_NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": SCOPE,
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    response = await http.post(
        server.registration_url, json.dumps(wish).encode(), headers=headers, timeout_s=TIMEOUT_S
    )
    client_id = object_of(response, "a client id").get("client_id")
    if not isinstance(client_id, str) or not client_id:
        raise UpstreamBadResponse("imagine.art's registration gives no client id.")
    return Attempt(
        server,
        client_id,
        redirect_uri,
        resource,
        state=secrets.token_urlsafe(STATE_BYTES),
        verifier=secrets.token_urlsafe(VERIFIER_BYTES),
    )


async def redeem(http: HttpClient, attempt: Attempt, code: str, clock: Clock) -> Renewed:
    """Trade the code for tokens.

    Raises:
        UpstreamError: no tokens came; says what came instead.
    """
    body = prepare_token_request(
        "authorization_code",
        redirect_uri=attempt.redirect_uri,
        code=code,
        client_id=attempt.client_id,
        code_verifier=attempt.verifier,
        resource=attempt.resource,
    )
    response = await post_token_request(http, attempt.server.token_url, body)
    before = Tokens(
        client_id=attempt.client_id, token_url=attempt.server.token_url, resource=attempt.resource
    )
    return pair_of(response, before, clock)


def object_of(response: HttpResponse, what: str) -> dict[str, object]:
    """The JSON object in a successful answer.

    Raises:
        UpstreamError: it is another answer.
    """
    body = response.json()
    if response.ok and isinstance(body, dict) and "error" not in body:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    told = fit_to_tell(error) if isinstance(error, str) else None
    came = f'the error "{told}"' if told else response.content_type or "nothing"
    message = f"imagine.art answers HTTP {response.status} with {came} instead of {what}."
    raise UpstreamBadResponse(message) if response.ok else UpstreamError(message)
