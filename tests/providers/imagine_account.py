"""An account of imagine.art for tests: tokens, requests, and the adapter."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from reelgate.clock import SystemClock
from reelgate.domain.video import VideoRequest
from reelgate.net.client import HttpClient
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.providers.imagine.build import sandbox_hosts
from reelgate.providers.imagine.credentials import ImagineAccount, TokenCredentials
from reelgate.providers.imagine.models import imagine_models

NOW_S = 1_800_000_000.0
MODELS = {model.id: model for model in imagine_models("imagine")}


@dataclass
class StillClock(SystemClock):
    """A clock that stands where the test put it."""

    now_s: float = NOW_S

    def now(self) -> float:
        return self.now_s


def a_token(**claims: object) -> str:
    """A JWT as imagine.art's, with a signature that nobody checks."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "c2lnbmF0dXJlLW9mLW5vYm9keQ"])


TOKEN = a_token(sub="auth0|42", userId="user-42", exp=4_000_000_000)


def a_request(
    prompt: str = "a cat", *, model: str = "imagine-text-to-video", **fields: object
) -> VideoRequest:
    """A valid request; fields that are given replace what the model fills in."""
    request = MODELS[model].request(prompt=prompt)
    known = {name: getattr(request, name) for name in VideoRequest.__slots__}
    own = {name: fields.pop(name) for name in fields.keys() - known.keys()}
    return VideoRequest(**{**known, "options": {**request.options, **own}, **fields})


def an_account(token: str = TOKEN, *, org_id: str = "org-1", parent_id: str = "") -> ImagineAccount:
    return ImagineAccount(TokenCredentials(token, SystemClock()), org_id, parent_id)


def an_imagine(http: HttpClient, base_url: str, token: str = TOKEN) -> ImagineWeb:
    """The adapter against a server that has the sandbox's paths."""
    return ImagineWeb(http, sandbox_hosts(base_url), an_account(token))
