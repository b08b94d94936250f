"""What an imagine.art account tells of itself: organisations, folders, credits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.imagine.credentials import Credentials, authorized
from reelgate.providers.imagine.wire import is_whole, refusal
from reelgate.providers.payload import first_object
from reelgate.providers.signin import Named

TIMEOUT_S = 20.0
FOLDER = "folder"
"""The category of what can be a `parent_id` [official]."""


class AccountLookUps:
    """Asks for what belongs to an account; nothing here costs credits."""

    def __init__(
        self, http: HttpClient, api_url: str, team_url: str, credentials: Credentials
    ) -> None:
        self._http = http
        self._api_url = api_url.rstrip("/")
        self._team_url = team_url.rstrip("/")
        self._credentials = credentials

    async def organisations(self) -> list[Named]:
        """The organisations that the token belongs to.

        Raises:
            UpstreamError: they are not told; `UpstreamUnauthorized` where the token is refused.
        """
        return list(named(await self._get(f"{self._team_url}/org"), lambda _each: True))

    async def folders(self, org_id: str) -> list[Named]:
        """The folders of an organisation that videos can be put in.

        Raises:
            UpstreamError: they are not told.
        """
        found: dict[str, Named] = {}
        for personal in ("true", "false"):
            asked = urlencode({"org_id": org_id, "is_personal": personal})
            response = await self._get(f"{self._team_url}/org/asset/?{asked}")
            found |= {each.id: each for each in named(response, is_folder)}
        return list(found.values())

    async def credits_left(self, org_id: str) -> int | None:
        """How many credits are left; None where the answer does not say.

        Raises:
            UpstreamError: it is not told.
        """
        response = await self._get(f"{self._api_url}/credit?{urlencode({'org_id': org_id})}")
        told = first_object(response.json())
        return next((left for key in ("total", "tokens") if is_whole(left := told.get(key))), None)

    async def _get(self, url: str) -> HttpResponse:
        async def send(headers: Mapping[str, str]) -> HttpResponse:
            return await self._http.request(
                "GET", url, headers={**headers, "Accept": "application/json"}, timeout_s=TIMEOUT_S
            )

        response = await authorized(self._credentials, send)
        if not response.ok or response.json() is None:
            raise refusal(response, hide=self._credentials.hide)
        return response


def is_folder(entry: Mapping[str, object]) -> bool:
    """Whether an asset can be a parent."""
    return entry.get("category") == FOLDER


def named(response: HttpResponse, fits: Callable[[Mapping[str, object]], bool]) -> list[Named]:
    """The entries of `{"data": [...]}` that fit and have an id."""
    data = first_object(response.json()).get("data")
    entries = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    return [
        Named(str(each["id"]), str(each.get("title") or each.get("name") or each["id"]))
        for each in entries
        if each.get("id") and fits(each)
    ]
