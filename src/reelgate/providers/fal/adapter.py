"""fal's queue as a provider.

Sources: fal.ai/docs/documentation/model-apis, and fal's own Python client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from reelgate.domain.video import VideoRequest
from reelgate.errors import InsufficientCredits, ModerationBlocked, UpstreamError
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.assets import origin_of
from reelgate.providers.base import CancelOutcome, Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.fal.models import ROWS, Row, rows_with
from reelgate.providers.payload import first_object, in_path, payload_of, source_of, text_in
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word

CANCELLED = {"OK": CancelOutcome.STOPPED, "CANCELLATION_REQUESTED": CancelOutcome.REQUESTED}
CLIENT_ERRORS = range(400, 500)
MODERATION = "content_policy_violation"
STATUSES = {"IN_QUEUE": Word.RUNNING, "IN_PROGRESS": Word.RUNNING, "COMPLETED": Word.DONE}
"""There is no status for a failure: it is in the result."""


class Fal(ApiProvider):
    """One key of fal.

    A job is known by its path below the queue, `owner/alias/requests/id`, as the answer to the
    submit has it: built by hand it would not be right for every model.
    """

    upstream = "fal"
    renew = "Make a new key at fal.ai/dashboard/keys and put it in FAL_KEY."

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        self._rows = {row.id: row for row in rows}
        models = (row.model(account.name) for row in self._rows.values())
        super().__init__(http, account, models)

    def key_headers(self) -> Mapping[str, str]:
        """Fal has a scheme of its own."""
        return {"Authorization": f"Key {self._key}"}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The model's own input as JSON, to the model's path."""
        del marker
        row = self._rows.get(request.model, Row(request.model))
        body: dict[str, Any] = {"prompt": request.prompt, **self.values(request)}
        if "duration" in body:
            body["duration"] = f"{body['duration']}{row.suffix}"
        for reference in request.references:
            body["image_url"] = source_of(reference, pictures)
        return Call(
            method="POST",
            path=row.image_path if request.references else row.id,
            query={"fal_webhook": push_url} if push_url else {},
            json=body,
            # Its own retries inside of the queue may run, and bill, a job again.
            headers={"x-fal-no-retry": "1"},
        )

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The path in `status_url`; the bare id where that leads elsewhere."""
        url = text_in(payload, "status_url")
        base = urlsplit(self._base_url).path
        if origin_of(url) == self._origin:
            return urlsplit(url).path.removeprefix(base).strip("/").removesuffix("/status")
        return payload.get("request_id")

    def poll_call(self, provider_id: str) -> Call:
        """The queue's status."""
        return Call(path=f"{in_path(provider_id)}/status")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """The queue's status; an `error` beside it is the job's end."""
        status = text_in(payload, "status")
        word = STATUSES.get(status.upper(), Word.RUNNING)
        reason = text_in(payload, "error")
        if word is Word.DONE and reason:
            kind = text_in(payload, "error_type")
            word = Word.MODERATED if kind == MODERATION else Word.FAILED
            return Report(word=word, status=kind or status, reason=reason)
        return Report(word=word, status=status)

    async def report(self, provider_id: str) -> Report:
        """The status, and once that is over the result, which alone tells a failure.

        Raises:
            UpstreamError: it cannot be asked.
        """
        report = await super().report(provider_id)
        if report.word is not Word.DONE:
            return report
        response = await self._send(Call(path=in_path(provider_id)))
        error = self.error_of(response)
        if response.ok and error is None:
            video = first_object(payload_of(response).get("video"))
            return Report(word=Word.DONE, status=report.status, url=text_in(video, "url"))
        if error is None:
            # Not in fal's own words: the edge, which knows nothing of the job.
            raise self.refusal(response)
        is_moderation = error.kind is ModerationBlocked
        # A fault of fal's own may pass: it ends the job only if it stays.
        over = Word.FAILED if response.status in CLIENT_ERRORS else Word.ENDED
        word = Word.MODERATED if is_moderation else over
        return Report(word=word, status=error.code or report.status, reason=error.says)

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"detail": [{"loc", "msg", "type"}]}` of a model, `{"detail", "error_type"}` of fal."""
        if response.ok:
            return None
        payload = payload_of(response)
        detail = payload.get("detail")
        if isinstance(detail, list):
            first = first_object(detail)
            code, says = text_in(first, "type"), text_in(first, "msg")
        elif isinstance(detail, str) and (
            "error_type" in payload or "x-fal-request-id" in response.headers
        ):
            code, says = text_in(payload, "error_type"), detail
        else:
            return None
        return VendorError(says, code, kind_of(code, says))

    def cancel_call(self, provider_id: str) -> Call:
        """Told by a word, whatever the HTTP status."""
        return Call(method="PUT", path=f"{in_path(provider_id)}/cancel")

    def read_cancel(self, response: HttpResponse) -> CancelOutcome:
        """`CANCELLATION_REQUESTED` is a signal: the model may run on, and bill."""
        status = text_in(payload_of(response), "status").upper()
        return CANCELLED.get(status, CancelOutcome.IMPOSSIBLE)


def kind_of(code: str, says: str) -> type[UpstreamError] | None:
    """What a code of fal means beyond the HTTP status."""
    if code == MODERATION:
        return ModerationBlocked
    if "exhausted balance" in says.lower():
        return InsufficientCredits
    return None


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "fal",
        "FAL_KEY",
        title="fal",
        example_model="fal-ai/veo3.1",
        api_url="https://queue.fal.run",
        about="fal's queue.",
    ),
    by_rows(Fal, rows_with),
    stand_in_path="fal",
)
