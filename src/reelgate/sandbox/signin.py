"""The provider's OAuth 2.1 sign-in: metadata, registration, the page with a button, and tokens.

Public clients with PKCE S256 only, as the provider's own metadata says [official].
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from reelgate.sandbox.grants import Family
from reelgate.sandbox.recorder import Outcome
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelgate.sandbox.grants import Grants, Pair

SCOPES = ("openid", "email", "mcp:tools")
HTML = "text/html"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox sign-in</title>
</head><body><main><h1>Sandbox sign-in (not imagine.art)</h1>
<p><b>{client}</b> wants to use your account.</p>
<form method="post"><button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button></form></main></body></html>"""


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has registered itself."""

    name: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an authorisation code stands for."""

    client_id: str
    redirect_uri: str
    challenge: str
    resource: str


class SignIn:
    """The authorisation server.

    Attributes:
        team_accepts: Whether the team API takes the tokens of clients that registered themselves.
    """

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._clients: dict[str, Client] = {}
        self._codes: dict[str, Asked] = {}
        self.team_accepts = True

    def metadata(self, base: str) -> Result:
        """Tell where everything is (RFC 8414)."""
        issuer = f"{base}/auth/mcp"
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/mcp/authorize",
            "token_endpoint": f"{issuer}/token",
            "registration_endpoint": f"{issuer}/register",
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "response_types_supported": ["code"],
            "scopes_supported": list(SCOPES),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [
                "none",
                "client_secret_post",
                "client_secret_basic",
            ],
        }
        return Result(json_answer(document))

    def register(self, wish: Mapping[str, Any]) -> Result:
        """Take a client (RFC 7591)."""
        addresses = wish.get("redirect_uris")
        if not isinstance(addresses, list) or not addresses:
            return refused("invalid_redirect_uri")
        client_id = secrets.token_urlsafe(12)
        name = str(wish.get("client_name", "A client"))
        self._clients[client_id] = Client(name, tuple(str(each) for each in addresses))
        body = {**wish, "client_id": client_id, "token_endpoint_auth_method": "none"}
        return Result(json_answer(body, 201))

    def page(self, query: Mapping[str, str]) -> Result:
        """Show who asks, and two buttons."""
        client = self._clients.get(query.get("client_id", ""))
        problem = self._problem(client, query)
        if client is None or problem:
            return Result(Answer(problem.encode(), 400, "text/plain"), Outcome.REFUSED)
        return Result(Answer(PAGE.format(client=html.escape(client.name)).encode(), 200, HTML))

    def decide(self, query: Mapping[str, str], decision: str) -> Result:
        """Send the browser back to the client, with a code or with a refusal."""
        problem = self._problem(self._clients.get(query.get("client_id", "")), query)
        if problem:
            return Result(Answer(problem.encode(), 400, "text/plain"), Outcome.REFUSED)
        told = {"state": query.get("state", "")}
        if decision == "allow":
            told["code"] = secrets.token_urlsafe(18)
            self._codes[told["code"]] = Asked(
                query["client_id"],
                query["redirect_uri"],
                query["code_challenge"],
                query.get("resource", ""),
            )
        else:
            told["error"] = "access_denied"
        joint = "&" if urlsplit(query["redirect_uri"]).query else "?"
        there = f"{query['redirect_uri']}{joint}{urlencode(told)}"
        return Result(Answer(b"", 302, HTML, {"Location": there}))

    def token(self, body: bytes) -> Result:
        """Trade a code or a refresh token for a pair."""
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                if form.get("client_id") not in self._clients:
                    return refused("invalid_client", 401)
                pair = self._grants.trade(form.get("refresh_token", ""))
                return refused("invalid_grant") if pair is None else told_pair(pair)
            case _:
                return refused("unsupported_grant_type")

    def _redeem(self, form: Mapping[str, str]) -> Result:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None:
            return refused("invalid_grant")
        same = (asked.client_id, asked.redirect_uri, asked.resource) == (
            form.get("client_id"),
            form.get("redirect_uri"),
            form.get("resource", ""),
        )
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if not same or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.challenge:
            return refused("invalid_grant")
        return told_pair(self._grants.issue(Family(team=self.team_accepts)))

    def _problem(self, client: Client | None, query: Mapping[str, str]) -> str:
        if client is None:
            return "unknown client_id"
        if query.get("redirect_uri") not in client.redirect_uris:
            return "redirect_uri is not registered"
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            return "response_type must be code, with a code_challenge of the method S256"
        return "" if query.get("code_challenge") else "code_challenge is missing"


def told_pair(pair: Pair) -> Result:
    """The token endpoint's answer (RFC 6749, 5.1)."""
    body = {
        "access_token": pair.session,
        "token_type": "Bearer",
        "expires_in": int(pair.lifetime_s),
        "refresh_token": pair.refresh,
        "scope": " ".join(SCOPES),
    }
    return Result(json_answer(body))


def refused(error: str, status: int = 400) -> Result:
    """The token endpoint's refusal (RFC 6749, 5.2)."""
    return Result(json_answer({"error": error}, status), Outcome.REFUSED)
