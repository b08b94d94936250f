"""xAI as a provider.

Sources: docs.x.ai, xAI's own SDK, and Vercel's client of the same API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reelgate.domain.price import MICROS, Money, Unit
from reelgate.domain.reference import Role
from reelgate.domain.video import VideoRequest
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.payload import (
    first_object,
    in_path,
    payload_of,
    percent,
    source_of,
    text_in,
)
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word
from reelgate.providers.xai.models import ROWS, Row, rows_with

STATUSES = {"done": Word.DONE, "failed": Word.FAILED, "expired": Word.ENDED}
"""Any other, and none at all, is a job at work."""
TICKS = 10_000_000_000
"""A US dollar in xAI's own unit of cost."""
BLOCKED = "The video was blocked by moderation"


class Xai(ApiProvider):
    """One key of xAI."""

    upstream = "xAI"
    renew = "Make a new key at console.x.ai and put it in XAI_API_KEY."
    poll_gap_s = 2.0

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        super().__init__(http, account, (row.model(account.name) for row in rows))

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The model's values; one picture to begin with, or several to go by."""
        del marker, push_url
        body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        body |= self.values(request)
        shown = []
        for reference in request.references:
            picture = {"url": source_of(reference, pictures)}
            if reference.role is Role.FIRST_FRAME:
                body["image"] = picture
            else:
                shown.append(picture)
        body |= {"reference_images": shown} if shown else {}
        return Call(method="POST", path="videos/generations", json=body)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The id."""
        return payload.get("request_id")

    def poll_call(self, provider_id: str) -> Call:
        """The job; answered 202, perhaps with nothing, while it is at work."""
        return Call(path=f"videos/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """The job; what moderation blocked is `done` as well, and was paid for."""
        status, video = text_in(payload, "status"), first_object(payload.get("video"))
        error = first_object(payload.get("error"))
        url = text_in(video, "url")
        word = STATUSES.get(status.lower(), Word.DONE if url and not status else Word.RUNNING)
        reason = text_in(error, "message") or text_in(error, "code")
        if video.get("respect_moderation") is False:
            word, url, reason = Word.MODERATED, "", reason or BLOCKED
        return Report(
            word=word,
            status=status,
            url=url if word is Word.DONE else "",
            reason=reason,
            progress=percent(payload.get("progress")),
            cost=cost_of(payload),
        )

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error": {"message", "code"}}`, or `{"code", "error": "..."}`."""
        if response.ok:
            return None
        payload = payload_of(response)
        error = first_object(payload.get("error"))
        if error:
            return VendorError(text_in(error, "message"), text_in(error, "code", "type"))
        if "code" in payload and isinstance(payload.get("error"), str):
            return VendorError(text_in(payload, "error"), text_in(payload, "code"))
        return None


def cost_of(job: Mapping[str, Any]) -> Money | None:
    """`usage.cost_in_usd_ticks`, once it is told."""
    ticks = first_object(job.get("usage")).get("cost_in_usd_ticks")
    if isinstance(ticks, bool) or not isinstance(ticks, int) or ticks < 0:
        return None
    return Money(-(-ticks * MICROS // TICKS), Unit.USD)


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "xai",
        "XAI_API_KEY",
        title="xAI",
        example_model="grok-imagine-video",
        api_url="https://api.x.ai/v1",
    ),
    by_rows(Xai, rows_with),
    stand_in_path="xai/v1",
)
