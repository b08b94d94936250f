"""imagine.art's key-based API as a provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    RateLimited,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import FilePart, HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, prefix_of
from reelgate.providers.base import Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.imagine.refusals import error_sentence
from reelgate.providers.imagine_key.models import ROWS, TYPICAL_S, Row, key_models, rows_with
from reelgate.providers.payload import first_object, in_path, payload_of
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word, word_of

PREFIX = prefix_of("imagine_key")
STATUS_PATHS = ("assets/{id}/status", "video/status/{id}")
"""The second one is asked where the first knows no such job [official]."""
KINDS: Mapping[int, type[UpstreamError]] = {
    1000: UpstreamUnauthorized,  # 400: the token is missing
    1001: UpstreamUnauthorized,  # 401: it is invalid
    1002: UpstreamUnauthorized,  # 406: it has expired
    1003: UpstreamError,  # 400: captcha
    1004: UpstreamError,
    1005: UpstreamUnauthorized,  # 401
    1006: UpstreamUnauthorized,
    1007: UpstreamUnauthorized,
    1100: UpstreamError,  # 400: the request is invalid
    1101: InsufficientCredits,  # 402
    1103: UpstreamError,  # "No style was provided." [seen]
    1200: UpstreamUnavailable,  # 503
    1201: UpstreamUnavailable,
    1202: RateLimited,  # 429
}
"""The vendor's own table of codes [official]; each says that nothing was accepted."""
EXPIRED_STATUS = 406


class ImagineKeySettings(ApiSettings):
    """One API key and where it is good; its variables were named before those of `settings_of`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "imagine.art API key"
    credential: ClassVar[str] = "IMAGINE_API_KEY"
    example_model: ClassVar[str] = "kling-1.0-pro"

    key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("IMAGINE_API_KEY", f"{PREFIX}API_KEY", f"{PREFIX}KEY"),
        description="A key of platform.imagine.art, for the models of its key-based API.",
    )
    api_url: str = Field(
        "https://api.vyro.ai/v2",
        validation_alias=AliasChoices("IMAGINE_KEY_API_URL", f"{PREFIX}API_URL"),
        description="The key-based API.",
    )
    more_models: str = Field(
        "",
        validation_alias=AliasChoices("IMAGINE_KEY_STYLES", f"{PREFIX}STYLES"),
        description="More models of the key-based API by their names there, separated by commas.",
    )


class ImagineKey(ApiProvider):
    """One API key as a `Provider`; its client keeps to the key's requests a minute."""

    upstream = "imagine.art's key-based API"
    renew = "Make a new key at platform.imagine.art and put it in IMAGINE_API_KEY."
    typical = TYPICAL_S
    poll_gap_s = 0.0

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        listed = tuple(rows)
        super().__init__(http, account, key_models(account.name, listed))
        self._styles = {row.id: row.style for row in listed}
        self._status_path = 0

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """A form: `prompt`, `style`, `aspect_ratio`, and the picture as `file`."""
        del marker, push_url
        parts = submit_parts(request, self._styles.get(request.model, request.model))
        if not request.references:
            return Call(method="POST", path="video/text-to-video", form=parts)
        # A preview has the reference alone, without its bytes.
        files = [
            FilePart("file", each.file_name, each.media_type, each.content)
            for each in pictures.values()
        ]
        file = files[0] if files else None
        return Call(method="POST", path="video/image-to-video", form=parts, file=file)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """`{"id", "status"}`; `processing` and `success` are both seen."""
        return payload.get("id")

    def poll_call(self, provider_id: str) -> Call:
        """The path that knew the last job that was asked for."""
        return Call(path=STATUS_PATHS[self._status_path].format(id=in_path(provider_id)))

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """`{"status", "video": {"status", "url": {"generation": str | [str]}}}` [official]."""
        video = first_object(payload.get("video"))
        name = video.get("status")
        if not isinstance(name, str):
            # The outer status speaks of the request, except that an error ends the job, too.
            name = payload.get("status") if payload.get("status") == "error" else ""
        told = [holder.get(name) for holder in (video, payload) for name in ("message", "error")]
        reason = next((each for each in told if isinstance(each, str) and each.strip()), "")
        return Report(
            word=word_of(name),
            status=str(name),
            url=generation_of(video.get("url")),
            reason=reason.strip(),
        )

    async def report(self, provider_id: str) -> Report:
        """What the API knows of a job; silent where neither path knows it.

        Raises:
            UpstreamError: it cannot be asked.
        """
        for _ in STATUS_PATHS:
            response = await self.ask(self.poll_call(provider_id))
            if response is not None:
                return self.read_report(payload_of(response))
            # The other path is asked first from now on.
            self._status_path = 1 - self._status_path
        return Report(word=Word.SILENT)

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """The vendor's own error object: its code first, then the answer's status.

        A job that failed comes with `status: error`, too, and is none.
        """
        if isinstance(first_object(response.json()).get("video"), dict):
            return None
        code = code_of(response)
        kind = KINDS.get(code or 0)
        if kind is None and response.status == EXPIRED_STATUS:
            kind = UpstreamUnauthorized
        says = error_sentence(response)
        if code is None and kind is None and says is None:
            return None
        return VendorError(says or "", str(code or ""), kind)

    def cancel_call(self, provider_id: str) -> Call:
        """Delete the job; whether credits come back is not documented."""
        return Call(method="DELETE", path=f"video/delete/{in_path(provider_id)}")


def submit_parts(request: VideoRequest, style: str) -> list[tuple[str, str]]:
    """The parts of a submit."""
    parts = [("prompt", request.prompt), ("style", style)]
    if request.aspect_ratio is not None:
        parts.append(("aspect_ratio", request.aspect_ratio))
    return parts


def code_of(response: HttpResponse) -> int | None:
    """The code in the vendor's own error object, whatever the status; None where there is none."""
    body = response.json()
    code = body.get("code") if isinstance(body, dict) and body.get("status") == "error" else None
    return code if type(code) is int else None


def generation_of(url: object) -> str:
    """The video's address, which comes bare or as the first of a list; empty where none is."""
    told = url.get("generation") if isinstance(url, dict) else None
    first = told[0] if isinstance(told, list) and told else told
    return first.strip() if isinstance(first, str) else ""


PROVIDER = at_api(
    ImagineKeySettings,
    by_rows(ImagineKey, rows_with),
    stand_in_path="v2",
    requests_per_minute=50,
    has_default_stand_in=False,
)
