"""The account's own list of finished jobs, and which of them may be a lost submit's.

`GET {api}/assets/status` [official]. Whether its items carry an id, a prompt or the submit's
`placeholderUuid`, and where, is unknown: each is looked for where this API puts such things
elsewhere [assumed]. What is not told counts as neither the same nor another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reelgate.domain.price import Money
from reelgate.domain.video import VideoRequest
from reelgate.errors import UpstreamBadResponse
from reelgate.net.client import HttpResponse
from reelgate.providers.base import Candidate, Match, Submission
from reelgate.providers.imagine.wire import SAFE_ID, addresses_of, credits_of, is_whole
from reelgate.providers.listed import is_in_time, unix_s

PAGE_SIZE = 50
MAX_PAGES = 6

ID_KEYS = ("id", "assetId", "asset_id", "videoId", "video_id", "uuid")
MARKER_KEYS = ("placeholderUuid", "placeholder_uuid")
PROMPT_KEYS = ("promptWithoutManipulation", "prompt")
TIME_KEYS = ("created_at", "createdAt", "created", "timestamp")
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "style_id": ("style_id", "styleId"),
    "aspect_ratio": ("aspect_ratio", "aspectRatio"),
    "duration": ("duration",),
    "resolution": ("resolution",),
}
NESTED = ("asset_metadata", "assetMetadata", "metadata")


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job as the list tells it; what it does not tell is None.

    Attributes:
        provider_id: its id.
        marker: the `placeholderUuid` it was sent with.
        prompts: its prompt, and what an enhancement made of it.
        created_at: when it was made, Unix seconds.
        settings: what else it was asked for, as texts.
        batch_id: as a submit's answer tells it.
        cost: as a submit's answer tells it.
    """

    provider_id: str
    marker: str | None
    prompts: frozenset[str]
    created_at: float | None
    settings: Mapping[str, str]
    batch_id: str
    cost: Money | None

    def match(self, request: VideoRequest, sent_at: float) -> Match | None:
        """How well it fits, by its likeness alone."""
        if request.prompt.strip() not in self.prompts or not self._has_settings_of(request):
            return None
        if self.created_at is None:
            return Match.HINT
        return Match.LIKENESS if is_in_time(self.created_at, sent_at) else None

    def _has_settings_of(self, request: VideoRequest) -> bool:
        asked = {
            "style_id": request.options.get("style_id"),
            "aspect_ratio": request.aspect_ratio,
            "duration": request.duration,
            "resolution": request.resolution,
        }
        return all(
            asked[name] is None or asked[name] == "auto" or str(asked[name]).lower() == told.lower()
            for name, told in self.settings.items()
        )

    def as_candidate(self, match: Match) -> Candidate:
        """Told to whoever looks for it."""
        return Candidate(Submission(self.provider_id, self.batch_id, self.cost), match)


def candidates(
    jobs: list[ListedJob], request: VideoRequest, sent_at: float, marker: str
) -> list[Candidate]:
    """Which of the listed jobs may be the submit's.

    Where the list has markers they alone decide: a job with another marker is another's.
    """
    marked = [job for job in jobs if marker and job.marker == marker]
    if marked:
        return [job.as_candidate(Match.MARKER) for job in marked]
    unmarked = [job for job in jobs if job.marker is None or not marker]
    matches = [(job, job.match(request, sent_at)) for job in unmarked]
    return [job.as_candidate(match) for job, match in matches if match is not None]


def read_list(response: HttpResponse, asset_url: str) -> tuple[list[ListedJob], int]:
    """The jobs of one page whose ids can be told, and how many items the page has.

    Raises:
        UpstreamBadResponse: it is no list.
    """
    body = response.json()
    assets = body.get("assets") if isinstance(body, dict) else body
    if not isinstance(assets, list):
        message = "imagine.art's list of finished jobs cannot be read."
        raise UpstreamBadResponse(message)
    items = [item for item in assets if isinstance(item, dict)]
    read = (read_item(item, asset_url) for item in items)
    return [job for job in read if job is not None], len(assets)


def read_item(item: dict[str, object], asset_url: str) -> ListedJob | None:
    """One job; None without an id, for it could not be fetched."""
    holders = [item, *nested(item)]
    provider_id = id_of(item, asset_url)
    if provider_id is None:
        return None
    batch_id = first(holders, ("batchId", "batch_id"))
    cost = next((held["cost"] for held in holders if is_whole(held.get("cost"))), None)
    prompts = (str(held[key]).strip() for held in holders for key in PROMPT_KEYS if key in held)
    told = {name: first(holders, keys) for name, keys in SETTINGS.items()}
    return ListedJob(
        provider_id=provider_id,
        marker=first(holders, MARKER_KEYS),
        prompts=frozenset(prompts),
        created_at=next((at for held in holders for at in times_of(held)), None),
        settings={name: value for name, value in told.items() if value is not None},
        batch_id=batch_id or "",
        cost=credits_of(cost),
    )


def nested(item: dict[str, object]) -> Iterator[dict[str, object]]:
    """The objects in an item that tell of its submit, also where they are JSON in a text."""
    for key in NESTED:
        value = item.get(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if isinstance(value, dict):
            yield value
            yield from nested(value)


def id_of(item: dict[str, object], asset_url: str) -> str | None:
    """Its own word, else the end of the address at which its file is served."""
    told = first([item], ID_KEYS)
    if told is not None and SAFE_ID.fullmatch(told):
        return told
    base = asset_url.rstrip("/") + "/"
    for address in addresses_of(item.get("url")):
        plain = address.partition("?")[0]
        if plain.startswith(base) and SAFE_ID.fullmatch(ending := plain.removeprefix(base)):
            return ending
    return None


def first(holders: list[dict[str, object]], keys: tuple[str, ...]) -> str | None:
    """The first of these keys that holds a text or a whole number, as text."""
    for holder in holders:
        for key in keys:
            value = holder.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
            if is_whole(value):
                return str(value)
    return None


def times_of(holder: dict[str, object]) -> Iterator[float]:
    """When it was made, in Unix seconds."""
    for key in TIME_KEYS:
        moment = unix_s(holder.get(key))
        if moment is not None:
            yield moment
