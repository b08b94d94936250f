"""Runway's API as a provider.

Sources: docs.dev.runwayml.com, and Runway's own Python client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import InsufficientCredits, UpstreamError
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Failed, Pictures
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
from reelgate.providers.runway.models import FIGURES, ROWS, Row, open_row, rows_with
from reelgate.providers.words import Word

VERSION = "2024-11-06"
STATUSES = {
    "PENDING": Word.RUNNING,
    # The account is over its number of tasks at once, so that it waits.
    "THROTTLED": Word.RUNNING,
    "RUNNING": Word.RUNNING,
    "SUCCEEDED": Word.DONE,
    "FAILED": Word.FAILED,
    "CANCELLED": Word.FAILED,
}
POSITIONS = {Role.FIRST_FRAME: "first", Role.LAST_FRAME: "last"}
SAFETY = "SAFETY"
"""A part of every failure code that is moderation: docs.dev.runwayml.com/errors/task-failures."""
MAY_PASS = ("INTERNAL", "THIRD_PARTY")
"""How failure codes begin whose task may succeed when it is tried again."""
TRY_AGAIN = " The same may succeed when it is tried again."
NO_CREDITS = "not have enough credits"
"""What is said with HTTP 400: there is no status of its own for it."""
MAX_SOURCE_CHARS = 5_000_000
"""Of a picture in a `data:` URL."""


class Runway(ApiProvider):
    """One organisation's key."""

    upstream = "Runway"
    renew = "Make a new key at dev.runwayml.com and put it in RUNWAYML_API_SECRET."
    poll_gap_s = 5.0

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        self._rows = {row.id: row for row in rows}
        super().__init__(http, account, (row.model(account.name) for row in self._rows.values()))

    def key_headers(self) -> Mapping[str, str]:
        """Nothing is answered without the version."""
        return {**super().key_headers(), "X-Runway-Version": VERSION}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """To one path without pictures to begin or end with, to another one with such.

        Raises:
            UpstreamError: a picture is too large for the API.
        """
        del marker, push_url
        row = self._rows.get(request.model) or open_row(request.model)
        body: dict[str, Any] = {
            "model": row.id,
            "promptText": request.prompt,
            **self.values(request),
        }
        if size := row.size(request):
            body["ratio"] = size
        if threshold := request.options.get(FIGURES.name):
            body["contentModeration"] = {FIGURES.name: threshold}
        frames, others = [], []
        for reference in request.references:
            source = source_of(reference, pictures)
            check_source(source)
            if position := POSITIONS.get(reference.role):
                frames.append({"uri": source, "position": position})
            else:
                others.append({"uri": source})
        if frames:
            body["promptImage"] = frames
        if others:
            body["references"] = others
        return Call(method="POST", path="image_to_video" if frames else "text_to_video", json=body)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The task's."""
        return payload.get("id")

    def cost_in(self, payload: Mapping[str, Any]) -> Money | None:
        """The most that the task may charge; its end tells what it did."""
        return credits_in(payload, "estimatedCost")

    def poll_call(self, provider_id: str) -> Call:
        """The task, with fresh addresses once it is over."""
        return Call(path=f"tasks/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A task; its failure code says more than its status."""
        status = text_in(payload, "status")
        word = STATUSES.get(status.upper(), Word.RUNNING)
        if word is Word.RUNNING:
            progress = percent(payload.get("progress"), of=1.0)
            return Report(word=word, status=status, progress=progress)
        output, code = payload.get("output"), text_in(payload, "failureCode")
        urls = output if isinstance(output, list) else ()
        url = next((each for each in urls if isinstance(each, str)), "")
        if SAFETY in code.upper().split("."):
            word = Word.MODERATED
        return Report(
            word=word,
            status=code or status,
            url=url,
            reason=text_in(payload, "failure"),
            cost=credits_in(payload, "cost"),
        )

    def failed(self, report: Report) -> Failed:
        """The end of a task, and whether a second try may do better."""
        failed = super().failed(report)
        if report.word is Word.FAILED and report.status.upper().startswith(MAY_PASS):
            return replace(failed, message=failed.message + TRY_AGAIN)
        return failed

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error", "docUrl"?, "issues"?: [{"message", "path"}]}`."""
        payload = payload_of(response)
        says = text_in(payload, "error")
        if response.ok or not says:
            return None
        issue = text_in(first_object(payload.get("issues")), "message")
        kind = InsufficientCredits if NO_CREDITS in says.lower() else None
        return VendorError(f"{says}: {issue}" if issue else says, kind=kind)

    def cancel_call(self, provider_id: str) -> Call:
        """Stops what is at work, and deletes what is over."""
        return Call(method="DELETE", path=f"tasks/{in_path(provider_id)}")

    async def credits_left(self) -> int | None:
        """What the organisation has left.

        Raises:
            UpstreamError: it is not told.
        """
        response = await self.ask(Call(path="organization"))
        left = None if response is None else payload_of(response).get("creditBalance")
        return left if type(left) is int else None


def check_source(source: str) -> None:
    """Refuse what the API would not take, before anything is sent.

    Raises:
        UpstreamError: it is too large.
    """
    if len(source) > MAX_SOURCE_CHARS:
        message = (
            f"Runway takes pictures of at most {MAX_SOURCE_CHARS} characters in base64, and one has"
            f" {len(source)}: make it smaller."
        )
        raise UpstreamError(message)


def credits_in(payload: Mapping[str, Any], name: str) -> Money | None:
    """An amount of credits, `{"credits": n}`; None where there is none."""
    told = first_object(payload.get(name)).get("credits")
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    try:
        return Money.of(told, Unit.CREDITS)
    except ArithmeticError:
        return None


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "runway",
        "RUNWAYML_API_SECRET",
        title="Runway",
        example_model="gen4.5",
        api_url="https://api.dev.runwayml.com/v1",
    ),
    by_rows(Runway, rows_with),
    stand_in_path="runway/v1",
)
