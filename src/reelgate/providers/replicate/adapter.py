"""Replicate as a provider.

Sources: replicate.com/docs/reference/http, and Replicate's own Python clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator
from yarl import URL

from reelgate.domain.picture import Picture
from reelgate.domain.reference import Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import ModerationBlocked, UpstreamBadResponse
from reelgate.net.client import FilePart, HttpClient, HttpResponse
from reelgate.net.hosts import http_url
from reelgate.net.transport import read_url
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import CancelOutcome, Candidate, Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.payload import first_object, in_path, payload_of, source_of, text_in
from reelgate.providers.registered import at_api, more
from reelgate.providers.replicate.listing import candidate_of, query_since
from reelgate.providers.replicate.models import ROWS, Row, rows_with
from reelgate.providers.words import Word
from reelgate.settings import split

FILE_ORIGINS = "https://replicate.delivery"
LEAST_CANCEL_AFTER_S = 5
STATUSES = {
    "starting": Word.RUNNING,
    "processing": Word.RUNNING,
    "succeeded": Word.DONE,
    "failed": Word.FAILED,
    "canceled": Word.FAILED,
    # By its deadline, before it began.
    "aborted": Word.FAILED,
}
STOPPED = frozenset({"canceled", "aborted"})
SENSITIVE = re.compile(r"\bE005\b|\bflagged as sensitive\b", re.IGNORECASE)
"""How models tell moderation, seen by many: replicate.com/docs/reference/error-codes lists no more
than that `E` and four digits are codes."""
PROGRESS = re.compile(r"^\s*(\d{1,3})%\s*\|.*?\|\s*\d+/\d+", re.MULTILINE)
"""A line of a progress bar in the logs, as Replicate's own client reads it."""
RESETS = re.compile(r"\bresets in ~?(\d{1,6}(?:\.\d{1,3})?)s\b", re.ASCII)
"""How a 429 tells when to come again: replicate.com/docs/topics/predictions/rate-limits."""
REMOVED = "its output was removed an hour after it was made"
MOST_PAGES = 5


class ReplicateSettings(ApiSettings):
    """What Replicate's settings have beside a token and an address."""

    file_origins: str = Field(
        FILE_ORIGINS,
        description=(
            "Where finished videos are that want the key, separated by commas; each with its"
            " subdomains. Replicate documents the default. Empty: the key goes to the API alone."
        ),
    )
    cancel_after_s: int = Field(
        0,
        description=(
            "Seconds after which Replicate itself cancels a job, at least 5; 0: never. One that has"
            " not begun by then costs nothing."
        ),
    )

    @field_validator("file_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for each in split(value):
            if not http_url(each).startswith("https://"):
                message = f"{each!r} is no https:// address: the key goes nowhere without TLS"
                raise ValueError(message)
        return value

    @field_validator("cancel_after_s")
    @classmethod
    def _is_deadline(cls, value: int) -> int:
        if value and value < LEAST_CANCEL_AFTER_S:
            message = f"{value} is no deadline: it takes 0 or at least {LEAST_CANCEL_AFTER_S}"
            raise ValueError(message)
        return value


class Replicate(ApiProvider):
    """One token of Replicate. `Prefer: wait` is not used: a submit is answered at once."""

    upstream = "Replicate"
    renew = (
        "Make a new token at replicate.com/account/api-tokens and put it in REPLICATE_API_TOKEN."
    )
    key_opens_files = True

    def __init__(
        self,
        http: HttpClient,
        account: ApiAccount,
        rows: Iterable[Row] = ROWS,
        settings: ReplicateSettings | None = None,
    ) -> None:
        self._rows = {row.id: row for row in rows}
        super().__init__(http, account, (row.model(account.name) for row in self._rows.values()))
        told = FILE_ORIGINS if settings is None else settings.file_origins
        self._file_origins = tuple(URL(each) for each in split(told))
        self._cancel_after_s = 0 if settings is None else settings.cancel_after_s

    @property
    def uploads(self) -> bool:
        """Pictures go ahead: in the input itself only small ones are welcome, up to 256 kB."""
        return True

    async def upload_reference(self, picture: Picture) -> str:
        """Put a picture among the account's files, which it leaves after a day.

        Raises:
            UpstreamError: it was not taken.
        """
        file = FilePart("content", picture.file_name, picture.media_type, picture.content)
        response = await self._post(Call(method="POST", path="files", form=(), file=file))
        if not response.ok:
            raise self.refusal(response)
        url = text_in(first_object(payload_of(response).get("urls")), "get")
        if not super().key_opens(url):
            message = "Replicate does not tell where the picture is that it took."
            raise UpstreamBadResponse(message)
        return url

    def key_opens(self, url: str) -> bool:
        """At the API's own origin, and at those of the settings: docs/adr/0028."""
        return super().key_opens(url) or any(is_within(url, each) for each in self._file_origins)

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """A model's own input; an official model by its path, any other as a version."""
        del marker
        row = self._row_of(request)
        body: dict[str, Any] = {"input": self._input(request, row, pictures)}
        if not row.is_official:
            body["version"] = row.id
        # It calls no address without TLS.
        if push_url.startswith("https://"):
            body |= {"webhook": push_url, "webhook_events_filter": ["completed"]}
        path = f"models/{in_path(row.id)}/predictions" if row.is_official else "predictions"
        deadline = {"Cancel-After": f"{self._cancel_after_s}s"} if self._cancel_after_s else {}
        return Call(method="POST", path=path, json=body, headers=deadline)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The prediction's."""
        return payload.get("id")

    def poll_call(self, provider_id: str) -> Call:
        """The prediction."""
        return Call(path=f"predictions/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A prediction; how far it is stands in its logs alone."""
        status = text_in(payload, "status")
        word = STATUSES.get(status.lower(), Word.RUNNING)
        if word is Word.RUNNING:
            return Report(word=word, status=status, progress=progress_in(payload.get("logs")))
        url, reason = url_in(payload.get("output")), text_in(payload, "error")
        if word is Word.DONE and not url and payload.get("data_removed") is True:
            reason = REMOVED
        if word is Word.FAILED and SENSITIVE.search(reason):
            word = Word.MODERATED
        return Report(word=word, status=status, url=url, reason=reason)

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"title", "detail", "status", "type"}` (RFC 7807)."""
        payload = payload_of(response)
        says = text_in(payload, "detail", "title")
        if response.ok or not says:
            return None
        resets = RESETS.search(says)
        return VendorError(
            says,
            kind=ModerationBlocked if SENSITIVE.search(says) else None,
            wait_s=float(resets[1]) if resets else None,
        )

    def cancel_call(self, provider_id: str) -> Call:
        """What has begun by then is charged."""
        return Call(method="POST", path=f"predictions/{in_path(provider_id)}/cancel")

    def read_cancel(self, response: HttpResponse) -> CancelOutcome:
        """The prediction as it is then."""
        word = text_in(payload_of(response), "status").lower()
        if word in STOPPED:
            return CancelOutcome.STOPPED
        is_at_work = response.ok and STATUSES.get(word, Word.RUNNING) is Word.RUNNING
        return CancelOutcome.REQUESTED if is_at_work else CancelOutcome.IMPOSSIBLE

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The predictions of that time with the same input; there is no place for a marker.

        Raises:
            UpstreamError: the list cannot be had.
        """
        del marker
        row = self._row_of(request)
        sent = self._input(request, row, {})
        pictures = frozenset(row.pictures.values()) if request.references else frozenset()
        found: list[Candidate] = []
        call: Call | None = Call(path="predictions", query=query_since(since))
        for _ in range(MOST_PAGES):
            if call is None:
                break
            response = await self.ask(call)
            page = payload_of(response) if response is not None else {}
            results = page.get("results")
            if not isinstance(results, list):
                message = "Replicate's list of predictions cannot be read."
                raise UpstreamBadResponse(message)
            told = (candidate_of(each, row.id, sent, pictures, since) for each in results)
            found += [each for each in told if each is not None]
            following = text_in(page, "next")
            call = Call(path=following) if following else None
        return found

    def _row_of(self, request: VideoRequest) -> Row:
        return self._rows.get(request.model, Row(request.model))

    def _input(self, request: VideoRequest, row: Row, pictures: Pictures) -> dict[str, Any]:
        given: dict[str, Any] = {"prompt": request.prompt, **self.values(request)}
        for reference in request.references:
            name, source = row.pictures[reference.role], source_of(reference, pictures)
            if reference.role is Role.REFERENCE:
                given.setdefault(name, []).append(source)
            else:
                given[name] = source
        return given


def is_within(url: str, origin: URL) -> bool:
    """Whether an address has an origin, or one whose host is below that one's."""
    try:
        told = read_url(url)
    except ValueError:
        return False
    host, own = told.host or "", origin.host or ""
    is_below = host == own or host.endswith(f".{own}")
    return is_below and (told.scheme, told.port) == (origin.scheme, origin.port)


def progress_in(logs: object) -> int | None:
    """The last progress that the logs tell, in percent."""
    lines = PROGRESS.findall(logs) if isinstance(logs, str) else []
    return min(int(lines[-1]), 99) if lines else None


def url_in(output: object) -> str:
    """The video's address, which comes bare or as the first of a list; empty where none is."""
    first = output[0] if isinstance(output, list) and output else output
    return first.strip() if isinstance(first, str) else ""


PROVIDER = at_api(
    settings_of(
        ReplicateSettings,
        "replicate",
        "REPLICATE_API_TOKEN",
        title="Replicate",
        example_model="google/veo-3.1",
        api_url="https://api.replicate.com/v1",
    ),
    lambda http, account, settings: Replicate(http, account, rows_with(more(settings)), settings),
    stand_in_path="replicate/v1",
)
