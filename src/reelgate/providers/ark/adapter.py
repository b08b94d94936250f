"""Ark's content generation tasks as a provider.

Sources: docs.byteplus.com/en/docs/ModelArk/1520757, and BytePlus's own Python client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import Field

from reelgate.domain.fields import AUTO
from reelgate.domain.price import Money
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamUnauthorized,
)
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.ark.models import ROWS, Row, rows_with
from reelgate.providers.base import CancelOutcome, Candidate, Pictures, Submission
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.listed import EARLIER_S, ListedJob, candidates, unix_s
from reelgate.providers.payload import (
    content_of,
    first_object,
    in_path,
    is_provider_id,
    payload_of,
    text_in,
)
from reelgate.providers.registered import at_api, more
from reelgate.providers.words import Word

TASKS = "contents/generations/tasks"
QUEUED = "queued"
STATUSES = {
    QUEUED: Word.RUNNING,
    "running": Word.RUNNING,
    "succeeded": Word.DONE,
    "failed": Word.FAILED,
    "cancelled": Word.FAILED,
    "expired": Word.FAILED,
}
KINDS: Mapping[str, type[UpstreamError]] = {
    "AccountOverdueError": InsufficientCredits,
    "AuthenticationError": UpstreamUnauthorized,
}
MODERATION = ("SensitiveContentDetected", "RiskDetection")
"""In the codes of whatever moderation refuses: the prompt, a picture, the finished video."""
CHOSEN_BY_MODEL = -1
"""The duration that the model chooses itself."""
SEED_BITS = 31
PAGE = 100
MOST_PAGES = 5
TOLD_ALIKE = ("duration", "ratio", "resolution", "seed")
"""What a list tells of a task that was also sent, where it was."""


class ArkSettings(ApiSettings):
    """What Ark's settings have beside a key and an address."""

    mark_submits: bool = Field(
        default=False,
        description=(
            "Send a random `safety_identifier` with each submit, by which one whose answer was lost"
            " is found for sure. BytePlus means it to tell your own users apart: leave it off where"
            " it asks you to."
        ),
    )


class Ark(ApiProvider):
    """One key of Ark.

    A list tells no prompts. A submit is marked by the seed, where the model takes one and the
    request names none: the upstream would draw one itself.
    """

    upstream = "Ark"
    renew = "Make a new API key in the ModelArk console and put it in ARK_API_KEY."

    def __init__(
        self,
        http: HttpClient,
        account: ApiAccount,
        rows: Iterable[Row] = ROWS,
        *,
        marks_submits: bool = False,
    ) -> None:
        self._rows = {row.id: row for row in rows}
        self._marks_submits = marks_submits
        super().__init__(http, account, (row.model(account.name) for row in self._rows.values()))

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """A task with the fields that its model takes, and no other: these are refused."""
        body = {
            "model": request.model,
            "content": content_of(request, pictures),
            **self._fields(request),
        }
        body |= self._mark(request, marker)
        if push_url:
            body["callback_url"] = push_url
        return Call(method="POST", path=TASKS, json=body)

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The task's."""
        return payload.get("id")

    def poll_call(self, provider_id: str) -> Call:
        """The task."""
        return Call(path=f"{TASKS}/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A task; nothing tells how far it is."""
        status = text_in(payload, "status")
        word = STATUSES.get(status.lower(), Word.RUNNING)
        error = first_object(payload.get("error"))
        code = text_in(error, "code")
        if word is Word.FAILED and is_moderation(code):
            word = Word.MODERATED
        return Report(
            word=word,
            status=code or status,
            url=text_in(first_object(payload.get("content")), "video_url"),
            reason=text_in(error, "message"),
            cost=self._cost_of(payload),
        )

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error": {"code", "message", "type", "param"}}`."""
        error = first_object(payload_of(response).get("error"))
        if response.ok or not error:
            return None
        code = text_in(error, "code")
        kind = ModerationBlocked if is_moderation(code) else KINDS.get(code)
        return VendorError(text_in(error, "message"), code, kind)

    def cancel_call(self, provider_id: str) -> Call:
        """Stops what is queued, and deletes the record of what is over."""
        return Call(method="DELETE", path=f"{TASKS}/{in_path(provider_id)}")

    async def cancel(self, provider_id: str) -> CancelOutcome:
        """Stop a task that has not begun; any other is let alone, so that its record is kept.

        Raises:
            UpstreamError: the attempt failed.
        """
        response = await self.ask(self.poll_call(provider_id))
        status = text_in(payload_of(response), "status") if response is not None else ""
        if status.lower() != QUEUED:
            return CancelOutcome.IMPOSSIBLE
        return await super().cancel(provider_id)

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The tasks with the submit's mark; those of that time and kind where it had none.

        Raises:
            UpstreamError: the list cannot be had.
        """
        sent = {"model": request.model, **self._fields(request)}
        [(field, mark)] = self._mark(request, marker).items() or [("", "")]
        found: list[ListedJob] = []
        for page in range(1, MOST_PAGES + 1):
            query = {"page_num": str(page), "page_size": str(PAGE)}
            response = await self.ask(Call(path=TASKS, query=query))
            items = payload_of(response).get("items") if response is not None else None
            if not isinstance(items, list):
                message = "Ark's list of tasks cannot be read."
                raise UpstreamBadResponse(message)
            jobs = list(listed_in(items, sent, field))
            found += jobs
            times = [job.created_at for job in jobs if job.created_at is not None]
            if len(items) < PAGE or (times and max(times) < since - EARLIER_S):
                break
        return candidates(found, request.prompt, since, str(mark))

    def _fields(self, request: VideoRequest) -> dict[str, Any]:
        given = self.values(request)
        if given.get("duration") == AUTO:
            given["duration"] = CHOSEN_BY_MODEL
        return given

    def _mark(self, request: VideoRequest, marker: str) -> dict[str, Any]:
        if not marker:
            return {}
        if self._marks_submits:
            return {"safety_identifier": marker}
        row = self._rows.get(request.model)
        is_free = row is not None and row.takes_seed and "seed" not in request.options
        return {"seed": seed_of(marker)} if is_free else {}

    def _cost_of(self, task: Mapping[str, Any]) -> Money | None:
        """By its tokens; None where it has none, or nobody tells what its model's tokens cost."""
        tokens = whole(first_object(task.get("usage")).get("completion_tokens"))
        row = self._rows.get(text_in(task, "model"))
        if tokens is None or row is None:
            return None
        return row.cost(tokens, text_in(task, "resolution").lower())


def listed_in(items: Iterable[object], sent: Mapping[str, Any], mark: str) -> Iterator[ListedJob]:
    """The tasks of a list; `mark`: the field that carries a submit's mark, empty for none."""
    for each in items:
        task = first_object(each)
        task_id = text_in(task, "id")
        if not is_provider_id(task_id):
            continue
        yield ListedJob(
            submission=Submission(task_id),
            created_at=unix_s(task.get("created_at")),
            prompt=None,
            marker=str(task.get(mark, "")),
            is_alike=task.get("model") == sent["model"] and is_alike(task, sent),
        )


def is_alike(task: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether nothing that a task tells differs from what was sent; 5 may be told as "5"."""
    return all(
        str(task[name]).lower() == str(sent[name]).lower()
        for name in TOLD_ALIKE
        if name in task and name in sent and sent[name] not in {CHOSEN_BY_MODEL, "adaptive"}
    )


def is_moderation(code: str) -> bool:
    """Whether a code says that moderation refused."""
    return any(each in code for each in MODERATION)


def seed_of(marker: str) -> int:
    """The seed that marks a submit."""
    return int.from_bytes(sha256(marker.encode()).digest()[:4]) >> (32 - SEED_BITS)


def whole(value: object) -> int | None:
    """A count, told as a number or as a text; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


PROVIDER = at_api(
    settings_of(
        ArkSettings,
        "ark",
        "ARK_API_KEY",
        title="Ark",
        example_model="dreamina-seedance-2-0-260128",
        api_url="https://ark.ap-southeast.bytepluses.com/api/v3",
        about="The API of the key's region; Volcengine's is https://ark.cn-beijing.volces.com/api/v3.",
    ),
    lambda http, account, settings: Ark(
        http,
        account,
        rows_with(more(settings)),
        marks_submits=settings is not None and settings.mark_submits,
    ),
    stand_in_path="ark/api/v3",
)
