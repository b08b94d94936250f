"""OpenRouter as a provider.

Sources: openrouter.ai/docs (video generation, its API reference), and OpenRouter's own SDKs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import ModerationBlocked
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.openrouter.models import rows_with
from reelgate.providers.payload import (
    first_object,
    in_path,
    is_provider_id,
    payload_of,
    source_of,
    text_in,
)
from reelgate.providers.registered import at_api, more
from reelgate.providers.words import Word, word_of

MODERATION_KEYS = frozenset({"reasons", "flagged_input"})
"""In the metadata of an error: it is one of moderation."""


class OpenRouter(ApiProvider):
    """One key of OpenRouter."""

    upstream = "OpenRouter"
    renew = "Make a new key at openrouter.ai/settings/keys and put it in OPENROUTER_API_KEY."
    # Official: "every 10 to 30 seconds".
    poll_gap_s = 10.0
    key_opens_files = True

    def __init__(self, http: HttpClient, account: ApiAccount, named: Iterable[str] = ()) -> None:
        """One key; `named` are models that the catalogue does not have (yet)."""
        self._named = tuple(named)
        super().__init__(http, account, ())
        self.use_catalogue(None)

    @property
    def catalogue_url(self) -> str:
        """The list of video models."""
        return f"{self._base_url}/videos/models"

    async def fetch_catalogue(self) -> object:
        """The answer to `GET /videos/models`.

        Raises:
            UpstreamError: it cannot be had.
        """
        response = await self.ask(Call(path="videos/models"))
        return None if response is None else response.json()

    def use_catalogue(self, told: object) -> None:
        """Have the models of the catalogue, or our own where it has none."""
        rows = rows_with(self._named, told)
        self._models = {row.id: row.model(self.name) for row in rows}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The model's values by OpenRouter's names, and pictures by what they are for."""
        del marker
        body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
        body |= self.values(request)
        frames, shown = [], []
        for reference in request.references:
            url = source_of(reference, pictures)
            picture: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
            if reference.role is Role.REFERENCE:
                shown.append(picture)
            else:
                frames.append({**picture, "frame_type": reference.role.value})
        body |= {"frame_images": frames} if frames else {}
        body |= {"input_references": shown} if shown else {}
        body |= {"callback_url": push_url} if push_url else {}
        return Call(method="POST", path="videos", json=body)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The job's id; the polling address is made of it."""
        return payload.get("id")

    def poll_call(self, provider_id: str) -> Call:
        """The job."""
        return Call(path=f"videos/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """The job; its file is at an address of OpenRouter's own that wants the key."""
        status, job_id = text_in(payload, "status"), text_in(payload, "id")
        word, error = word_of(status), payload.get("error")
        has_file = word is Word.DONE and is_provider_id(job_id) and not error
        return Report(
            word=word,
            status=status,
            url=f"{self._base_url}/videos/{in_path(job_id)}/content?index=0" if has_file else "",
            reason=error if isinstance(error, str) else text_in(first_object(error), "message"),
            cost=cost_of(payload),
        )

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error": {"code": 402, "message", "metadata"?}}`."""
        if response.ok:
            return None
        error = first_object(payload_of(response).get("error"))
        if not error:
            return None
        is_moderation = bool(MODERATION_KEYS & first_object(error.get("metadata")).keys())
        return VendorError(
            text_in(error, "message"),
            str(error.get("code") or ""),
            ModerationBlocked if is_moderation else None,
        )


def cost_of(job: Mapping[str, Any]) -> Money | None:
    """`usage.cost`, in dollars, once the job is over."""
    try:
        return Money.of(first_object(job.get("usage"))["cost"], Unit.USD)
    except (KeyError, ArithmeticError):
        return None


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "openrouter",
        "OPENROUTER_API_KEY",
        title="OpenRouter",
        example_model="google/veo-3.1",
        api_url="https://openrouter.ai/api/v1",
    ),
    lambda http, account, settings: OpenRouter(http, account, more(settings)),
    stand_in_path="openrouter/api/v1",
)
