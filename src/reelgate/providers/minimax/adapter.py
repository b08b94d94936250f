"""MiniMax's two video APIs as one provider.

The second tells errors by HTTP statuses, and a finished video's address in the task; the first
tells errors with HTTP 200, and a finished video's address only for its file id. A job is known by
the API it is at and its id there: `v2/106916112212032`.

Sources: platform.minimax.io/docs/api-reference, and MiniMax's own MCP server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from reelgate.domain.price import Money
from reelgate.domain.reference import Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
)
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Candidate, Pictures, Submission
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.listed import EARLIER_S, ListedJob, candidates, unix_s
from reelgate.providers.minimax.models import ROWS, Row, Version, rows_with
from reelgate.providers.payload import (
    content_of,
    first_object,
    in_path,
    is_provider_id,
    payload_of,
    source_of,
    text_in,
)
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word

QUERY = "query/video_generation"
STATUSES = {
    "success": Word.DONE,
    "succeeded": Word.DONE,
    "fail": Word.FAILED,
    "failed": Word.FAILED,
    "cancelled": Word.FAILED,
    "expired": Word.FAILED,
}
"""Of both APIs, in small letters; any other word is work."""
KINDS: Mapping[int, type[UpstreamError]] = {
    1000: UpstreamFault,
    1001: UpstreamFault,
    1002: RateLimited,
    1004: UpstreamUnauthorized,
    1008: InsufficientCredits,
    1013: UpstreamFault,
    1026: ModerationBlocked,
    1027: ModerationBlocked,
    2013: UpstreamError,
    2038: UpstreamError,
}
CODE = re.compile(r"\((\d{4})\)\s*$")
"""The code at the end of a sentence of the second API."""
UNKNOWN_TASK = "invalid task_id"
"""How a task that is older than a week is told: as a bad request, in either API."""
ADAPTIVE = "adaptive"
FRAMES = {Role.FIRST_FRAME: "first_frame_image", Role.LAST_FRAME: "last_frame_image"}
PAGE = 100
MOST_PAGES = 5
TOLD_ALIKE = ("duration", "resolution", "ratio")


class MiniMax(ApiProvider):
    """One key of MiniMax.

    It is given no push address: it calls that with a challenge before it takes the submit.
    """

    upstream = "MiniMax"
    renew = "Make a new key at platform.minimax.io and put it in MINIMAX_API_KEY."

    def __init__(self, http: HttpClient, account: ApiAccount, rows: Iterable[Row] = ROWS) -> None:
        self._rows = {row.id: row for row in rows}
        super().__init__(http, account, (row.model(account.name) for row in self._rows.values()))

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The one body or the other."""
        del marker, push_url
        version = self._row_of(request).version
        is_first = version is Version.FIRST
        body = first_body(request, pictures) if is_first else second_body(request, pictures)
        body |= self.values(request)
        if "resolution" in body:
            body["resolution"] = body["resolution"].upper()
        return Call(method="POST", path=f"{version}/video_generation", json=body)

    def id_path(self, request: VideoRequest) -> str:
        """The API that has the model."""
        return f"{self._row_of(request).version}/"

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The task's, which may come as a number."""
        task_id = payload.get("task_id")
        return str(task_id) if isinstance(task_id, int) else task_id

    def poll_call(self, provider_id: str) -> Call:
        """The task."""
        version, _, task_id = provider_id.partition("/")
        if version == Version.FIRST:
            return Call(path=f"{version}/{QUERY}", query={"task_id": task_id})
        return Call(path=f"{version}/{QUERY}/{in_path(task_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A task of either API; only the second tells an address and seconds in it."""
        task = first_object(payload.get("task")) or payload
        status = text_in(task, "status")
        word = STATUSES.get(status.lower(), Word.RUNNING)
        code, says = code_in(task)
        if word is Word.FAILED and KINDS.get(code) is ModerationBlocked:
            word = Word.MODERATED
        url = text_in(first_object(task.get("content")), "url")
        return Report(word=word, status=status, url=url, reason=says, cost=self._cost_of(task))

    async def report(self, provider_id: str) -> Report:
        """The task, and where it is over at the first API its file.

        Raises:
            UpstreamError: it cannot be asked.
        """
        response = await self._send(self.poll_call(provider_id))
        error = self.error_of(response)
        if error is not None and UNKNOWN_TASK in error.says.lower():
            return Report(word=Word.SILENT)
        if not response.ok or error is not None:
            raise self.refusal(response)
        payload = payload_of(response)
        report = self.read_report(payload)
        if report.word is not Word.DONE or not provider_id.startswith(f"{Version.FIRST}/"):
            return report
        file_id = str(payload.get("file_id") or "")
        query = {"file_id": file_id}
        told = await self.ask(Call(path=f"{Version.FIRST}/files/retrieve", query=query))
        file = first_object(payload_of(told).get("file")) if told is not None else {}
        return replace(report, url=text_in(file, "download_url"))

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"type": "error", "error": {...}}`, or with HTTP 200 `{"base_resp": {"status_code"}}`.

        The end of a job has a `base_resp` as well, and is no error of the poll.
        """
        payload = payload_of(response)
        error = first_object(payload.get("error"))
        if error and not response.ok:
            says = text_in(error, "message")
            found = CODE.search(says)
            code = found[1] if found else ""
            return VendorError(says, code, KINDS.get(int(code or 0)))
        number, says = code_in(payload)
        if number == 0 or text_in(payload, "status"):
            return None
        return VendorError(says, str(number), KINDS.get(number))

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The second API's tasks of that time and kind, which are hints: no prompt is told.

        Raises:
            UpstreamError: the list cannot be had.
        """
        del marker
        if self._row_of(request).version is Version.FIRST:
            return []
        sent = {"model": request.model, **self.values(request)}
        found: list[ListedJob] = []
        for page in range(1, MOST_PAGES + 1):
            query = {"page_num": str(page), "page_size": str(PAGE)}
            response = await self.ask(Call(path=f"{Version.SECOND}/{QUERY}", query=query))
            told = payload_of(response) if response is not None else {}
            tasks = told.get("tasks", told.get("items"))
            if not isinstance(tasks, list):
                message = "MiniMax's list of tasks cannot be read."
                raise UpstreamBadResponse(message)
            jobs = list(listed_in(tasks, sent))
            found += jobs
            times = [job.created_at for job in jobs if job.created_at is not None]
            if len(tasks) < PAGE or (times and max(times) < since - EARLIER_S):
                break
        return candidates(found, request.prompt, since, "")

    def _row_of(self, request: VideoRequest) -> Row:
        return self._rows.get(request.model, Row(request.model))

    def _cost_of(self, task: Mapping[str, Any]) -> Money | None:
        """By its seconds, those of the videos that it was made from among them."""
        seconds = first_object(task.get("usage")).get("total_seconds")
        row = self._rows.get(text_in(task, "model"))
        if row is None or row.price is None or not is_count(seconds):
            return None
        resolution = text_in(task, "resolution").lower()
        rates = (rate for rate in row.price.rates if rate.when == {"resolution": resolution})
        rate = next(rates, None)
        return None if rate is None else Money.of(rate.amount * seconds, row.price.unit)


def first_body(request: VideoRequest, pictures: Pictures) -> dict[str, Any]:
    """A submit at the first API, as far as it is no field with a plain value."""
    frames = {FRAMES[each.role]: source_of(each, pictures) for each in request.references}
    return {"model": request.model, "prompt": request.prompt, **frames}


def second_body(request: VideoRequest, pictures: Pictures) -> dict[str, Any]:
    """The same at the second."""
    body = {"model": request.model, "content": content_of(request, pictures)}
    has_frame = any(each.role is Role.FIRST_FRAME for each in request.references)
    return body | ({"ratio": ADAPTIVE} if has_frame else {})


def code_in(holder: Mapping[str, Any]) -> tuple[int, str]:
    """The code and sentence of what went wrong; 0 where nothing did, or none is told."""
    base, error = first_object(holder.get("base_resp")), first_object(holder.get("error"))
    code = base.get("status_code") or error.get("code") or 0
    number = int(code) if str(code).isascii() and str(code).isdecimal() else 0
    return number, text_in(base, "status_msg") or text_in(error, "message")


def listed_in(tasks: Iterable[object], sent: Mapping[str, Any]) -> Iterator[ListedJob]:
    """The tasks of a list that tell when they were made."""
    for each in tasks:
        task = first_object(each)
        provider_id, created_at = (
            f"{Version.SECOND}/{task.get('id')}",
            unix_s(task.get("created_at")),
        )
        if created_at is None or not is_provider_id(provider_id):
            continue
        yield ListedJob(
            submission=Submission(provider_id),
            created_at=created_at,
            prompt=None,
            is_alike=task.get("model") == sent["model"]
            and all(
                str(task[name]).lower() == str(sent[name]).lower()
                for name in TOLD_ALIKE
                if name in task and name in sent
            ),
        )


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value can be a number of seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "minimax",
        "MINIMAX_API_KEY",
        title="MiniMax",
        example_model="MiniMax-H3",
        api_url="https://api.minimax.io",
        about="The API where the key was made; in China https://api.minimaxi.com.",
    ),
    by_rows(MiniMax, rows_with),
    stand_in_path="minimax",
)
