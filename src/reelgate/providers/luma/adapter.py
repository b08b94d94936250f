"""Luma's Dream Machine as a provider.

Sources: Luma's own Python SDK, and failures that third parties wrote down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from reelgate.domain.reference import Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import InsufficientCredits, UpstreamBadResponse
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import CancelOutcome, Candidate, Pictures, Submission
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.listed import EARLIER_S, ListedJob, candidates, unix_s
from reelgate.providers.luma.models import ROWS, Row, rows_with
from reelgate.providers.payload import (
    first_object,
    in_path,
    is_provider_id,
    payload_of,
    source_of,
    text_in,
)
from reelgate.providers.registered import at_api, more
from reelgate.providers.words import Word

PAGE_SIZE = 100
MAX_PAGES = 5
STATES = {"completed": Word.DONE, "failed": Word.FAILED}
"""Any other is a job at work: `queued`, `dreaming`."""
FRAMES = {Role.FIRST_FRAME: "frame0", Role.LAST_FRAME: "frame1", Role.EXTEND: "frame0"}
STATUS_FIRST = re.compile(r"\d{3}: ")
"""Seen: how a reason begins."""
NO_CREDITS = "insufficient credits"
"""Seen: told with HTTP 400."""


class LumaSettings(ApiSettings):
    """What Luma's settings have beside a key and an address."""

    data_urls: bool = Field(
        default=False,
        description="Take pictures, and send them as `data:` URLs, which Luma does not document."
        " Without it the models take none: Luma reads pictures at public addresses only.",
    )


class Luma(ApiProvider):
    """One key of Luma."""

    upstream = "Luma"
    renew = "Make a new key at lumalabs.ai/dream-machine/api/keys and put it in LUMAAI_API_KEY."
    poll_gap_s = 3.0

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        super().__init__(http, account, (row.model(account.name) for row in rows))

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The model's values; seconds are written `5s`, and frames are numbered."""
        del marker
        body = self.asked(request)
        keyframes = {
            FRAMES[reference.role]: keyframe(reference, pictures)
            for reference in request.references
            if reference.role in FRAMES
        }
        body |= {"keyframes": keyframes} if keyframes else {}
        body |= {"callback_url": push_url} if push_url else {}
        return Call(method="POST", path="generations/video", json=body)

    def asked(self, request: VideoRequest) -> dict[str, Any]:
        """The plain values of a submit, as the list tells them, too."""
        body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        body |= self.values(request)
        if "duration" in body:
            body["duration"] = f"{body['duration']}s"
        return body

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The generation's id."""
        return payload.get("id")

    def poll_call(self, provider_id: str) -> Call:
        """The generation."""
        return Call(path=f"generations/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """The generation."""
        state = text_in(payload, "state")
        word = STATES.get(state.lower(), Word.RUNNING)
        url = text_in(first_object(payload.get("assets")), "video")
        return Report(
            word=word,
            status=state,
            url=url if word is Word.DONE else "",
            reason=STATUS_FIRST.sub("", text_in(payload, "failure_reason")),
        )

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"detail": "..."}`, or a list of what is wrong with each field."""
        if response.ok:
            return None
        detail = payload_of(response).get("detail")
        if isinstance(detail, list):
            first = first_object(detail)
            return VendorError(text_in(first, "msg"), text_in(first, "type"))
        if not isinstance(detail, str):
            return None
        kind = InsufficientCredits if NO_CREDITS in detail.lower() else None
        return VendorError(detail, kind=kind)

    def cancel_call(self, provider_id: str) -> Call:
        """Deletes the generation."""
        return Call(method="DELETE", path=f"generations/{in_path(provider_id)}")

    def read_cancel(self, response: HttpResponse) -> CancelOutcome:
        """That the work ends, or costs nothing, nobody says."""
        return CancelOutcome.REQUESTED if response.ok else CancelOutcome.IMPOSSIBLE

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The generations in the list, which tells their requests, that may be this submit's.

        Raises:
            UpstreamError: the list cannot be had.
        """
        listed: list[ListedJob] = []
        for page in range(MAX_PAGES):
            query = {"limit": str(PAGE_SIZE), "offset": str(page * PAGE_SIZE)}
            response = await self.ask(Call(path="generations", query=query))
            told = payload_of(response).get("generations") if response else None
            if not isinstance(told, list):
                message = "Luma's list of generations cannot be read."
                raise UpstreamBadResponse(message)
            jobs = [self._listed(each, request) for each in map(first_object, told)]
            listed += [job for job in jobs if is_provider_id(job.submission.provider_id)]
            times = [job.created_at for job in jobs if job.created_at is not None]
            if len(told) < PAGE_SIZE or (times and min(times) < since - EARLIER_S):
                break
        return candidates(listed, request.prompt, since, marker)

    def _listed(self, generation: Mapping[str, Any], request: VideoRequest) -> ListedJob:
        told, asked = first_object(generation.get("request")), self.asked(request)
        prompt = told.get("prompt")
        return ListedJob(
            submission=Submission(text_in(generation, "id")),
            created_at=unix_s(generation.get("created_at")),
            prompt=prompt.strip() if isinstance(prompt, str) else None,
            is_alike=all(
                told[name] == asked[name]
                for name in asked.keys() - {"prompt"}
                if told.get(name) is not None
            ),
        )


def keyframe(reference: Reference, pictures: Pictures) -> dict[str, str]:
    """A picture, or a generation to go on with, by its id."""
    if reference.own_id is not None:
        return {"type": "generation", "id": reference.own_id}
    return {"type": "image", "url": source_of(reference, pictures)}


PROVIDER = at_api(
    settings_of(
        LumaSettings,
        "luma",
        "LUMAAI_API_KEY",
        title="Luma",
        example_model="ray-2",
        api_url="https://api.lumalabs.ai/dream-machine/v1",
        about="Luma's Dream Machine API.",
    ),
    lambda http, account, settings: Luma(
        http,
        account,
        rows_with(more(settings), takes_pictures=settings is not None and settings.data_urls),
    ),
    stand_in_path="luma/dream-machine/v1",
)
