"""Veo at the Gemini API as a provider.

Sources: ai.google.dev/gemini-api/docs/video, and Google's own Python client.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reelgate.domain.reference import Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import InsufficientCredits, RateLimited, UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.transport import read_url
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Failed, Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.gemini.models import ROWS, Row, rows_with
from reelgate.providers.payload import first_object, in_path, payload_of, text_in
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word

KINDS: Mapping[str, type[UpstreamError]] = {
    "RESOURCE_EXHAUSTED": RateLimited,
    "UNAUTHENTICATED": UpstreamUnauthorized,
    "PERMISSION_DENIED": UpstreamUnauthorized,
}
"""The statuses that say more than the HTTP status (google.rpc.Code)."""
BAD_KEY = "API_KEY_INVALID"
"""The reason of a 400 that is about the key and not about the request."""
FRAMES = {Role.FIRST_FRAME: "image", Role.LAST_FRAME: "lastFrame"}
NO_CREDITS = "prepayment credits"
DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s", re.ASCII)
TRY_AGAIN = (
    " Its filter for sound does not decide the same each time: the same prompt may pass when it is"
    " tried again."
)


class Gemini(ApiProvider):
    """One key of the Gemini API. A job is known by the name of its operation."""

    upstream = "Gemini"
    renew = "Make a new key at aistudio.google.com/apikey and put it in GEMINI_API_KEY."
    typical = (11.0, 360.0)
    key_opens_files = True

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        super().__init__(http, account, (row.model(account.name) for row in rows))

    def key_headers(self) -> Mapping[str, str]:
        """A header of Google's own: in a query the key would stand in logs and referrers."""
        return {"x-goog-api-key": self._key}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """One instance, what it is made from, and the parameters."""
        del marker
        instance: dict[str, Any] = {"prompt": request.prompt}
        for reference in request.references:
            image = inlined(reference, pictures)
            if reference.role in FRAMES:
                instance[FRAMES[reference.role]] = image
            else:
                of_it = instance.setdefault("referenceImages", [])
                of_it.append({"image": image, "referenceType": "asset"})
        body: dict[str, Any] = {"instances": [instance], "parameters": self.values(request)}
        if push_url:
            body["webhookConfig"] = {"uris": [push_url]}
        path = f"models/{in_path(request.model)}:predictLongRunning"
        return Call(method="POST", path=path, json=body)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """`{"name": "models/{model}/operations/{id}"}`."""
        return payload.get("name")

    def poll_call(self, provider_id: str) -> Call:
        """The operation."""
        return Call(path=in_path(provider_id))

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """`done` is absent until the end, and nothing tells how far a job is.

        What moderation stops is `done` as well, without a sample. Why stands beside where the
        samples would be, or one level above that.
        """
        if payload.get("done") is not True:
            return Report(word=Word.RUNNING)
        error = first_object(payload.get("error"))
        if error:
            code = text_in(error, "status") or str(error.get("code", ""))
            return Report(word=Word.FAILED, status=code, reason=text_in(error, "message"))
        response = first_object(payload.get("response"))
        inner = first_object(response.get("generateVideoResponse"))
        sample = first_object(inner.get("generatedSamples"))
        uri = text_in(first_object(sample.get("video")), "uri")
        if uri:
            return Report(word=Word.DONE, status="done", url=download_address(uri))
        filtered = next((each for each in (inner, response) if is_filtered(each)), None)
        if filtered is None:
            return Report(word=Word.DONE, status="done")
        reasons = filtered.get("raiMediaFilteredReasons")
        texts = reasons if isinstance(reasons, list) else ()
        told = [each for each in texts if isinstance(each, str)]
        return Report(word=Word.MODERATED, reason=" ".join(told))

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error": {"code", "message", "status", "details"}}`."""
        error = first_object(payload_of(response).get("error"))
        if response.ok or not error:
            return None
        status, says = text_in(error, "status"), text_in(error, "message")
        kind = KINDS.get(status)
        if NO_CREDITS in says.lower():
            kind = InsufficientCredits
        elif BAD_KEY in response.text:
            kind = UpstreamUnauthorized
        return VendorError(says, status, kind, delay_in(error.get("details")))

    def failed(self, report: Report) -> Failed:
        """The end of a job, with a word on the filter that a second try may pass."""
        failed = super().failed(report)
        is_audio = report.word is Word.MODERATED and "audio" in report.reason.lower()
        return replace(failed, message=failed.message + TRY_AGAIN) if is_audio else failed


def inlined(reference: Reference, pictures: Pictures) -> dict[str, str]:
    """A picture as the API takes one; in a preview, which has no bytes, its address."""
    picture = pictures.get(reference.url)
    if picture is None:
        return {"bytesBase64Encoded": reference.url}
    content = b64encode(picture.content).decode()
    return {"bytesBase64Encoded": content, "mimeType": picture.media_type}


def is_filtered(holder: Mapping[str, Any]) -> bool:
    """Whether responsible-AI filters took a video away."""
    return bool(holder.get("raiMediaFilteredCount") or holder.get("raiMediaFilteredReasons"))


def delay_in(details: object) -> float | None:
    """The seconds that an error asks to wait: `{"retryDelay": "36s"}` (google.rpc.RetryInfo)."""
    listed = details if isinstance(details, list) else ()
    told = (text_in(each, "retryDelay") for each in listed if isinstance(each, dict))
    found = next((match for each in told if (match := DELAY.fullmatch(each))), None)
    return None if found is None else float(found[1])


def download_address(uri: str) -> str:
    """Where the bytes of a video are; a key in the query would be somebody's mistake."""
    try:
        return str(read_url(uri).without_query_params("key").update_query(alt="media"))
    except ValueError:
        return uri


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "gemini",
        "GEMINI_API_KEY",
        title="Gemini",
        example_model="veo-3.1-generate-preview",
        api_url="https://generativelanguage.googleapis.com/v1beta",
        about="The Gemini API.",
    ),
    by_rows(Gemini, rows_with),
    stand_in_path="gemini/v1beta",
)
