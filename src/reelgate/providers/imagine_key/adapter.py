"""imagine.art's key-based API as a provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reelgate.domain.video import VideoRequest
from reelgate.net.client import FilePart, HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.base import Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.imagine_key.models import ROWS, TYPICAL_S, Row, key_models, rows_with
from reelgate.providers.imagine_key.settings import ImagineKeySettings
from reelgate.providers.imagine_key.wire import (
    RENEW,
    UPSTREAM,
    error_of,
    read_report,
    submit_parts,
)
from reelgate.providers.payload import in_path, payload_of
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word

STATUS_PATHS = ("assets/{id}/status", "video/status/{id}")
"""The second one is asked where the first knows no such job [official]."""


class ImagineKey(ApiProvider):
    """One API key as a `Provider`; its client keeps to the key's requests a minute."""

    upstream = UPSTREAM
    renew = RENEW
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
        """See `wire.read_report`."""
        return read_report(payload)

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
        """By its table of codes; the answer to a poll has a job in it, not an error."""
        return error_of(response)

    def cancel_call(self, provider_id: str) -> Call:
        """Delete the job; whether credits come back is not documented."""
        return Call(method="DELETE", path=f"video/delete/{in_path(provider_id)}")


PROVIDER = at_api(
    ImagineKeySettings,
    by_rows(ImagineKey, rows_with),
    stand_in_path="v2",
    requests_per_minute=50,
    has_default_stand_in=False,
)
