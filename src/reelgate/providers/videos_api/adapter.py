"""A server that speaks OpenAI's Videos API as a provider.

Sources: OpenAI's own Python client, vLLM-Omni's documentation of its videos API, and users'
reports of what gateways in front of them do to statuses and errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from reelgate.domain.fields import FIRST_FRAME, MEDIA, REFERENCES
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Role
from reelgate.domain.sizes import frame_size
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamUnavailable,
)
from reelgate.net.client import FilePart, HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import NO_PICTURES, CancelOutcome, Candidate, Pictures, Submission
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.listed import EARLIER_S, ListedJob, candidates, unix_s
from reelgate.providers.payload import (
    first_object,
    in_path,
    is_provider_id,
    payload_of,
    percent,
    source_of,
    text_in,
)
from reelgate.providers.registered import at_api, more
from reelgate.providers.videos_api.models import is_reelgate, rows_in, rows_of
from reelgate.providers.words import Word, word_of

PAGE_SIZE = 100
MAX_PAGES = 5
MARKER = "reelgate_marker"
"""The entry of `metadata` that says whose submit it was."""
UNSUPPORTED_MEDIA = 415
PATHS = {Role.EDIT: "videos/edits", Role.EXTEND: "videos/extensions"}
SOURCE = "video"
KINDS: Mapping[str, type[UpstreamError]] = {
    "insufficient_quota": InsufficientCredits,
    "insufficient_credits": InsufficientCredits,
    "billing_hard_limit_reached": InsufficientCredits,
    "moderation_blocked": ModerationBlocked,
    "content_policy_violation": ModerationBlocked,
}
REFUSED_BY_REELGATE = frozenset({"overloaded", "shutting_down"})
"""Another Reelgate's codes of 503, by which it surely took nothing."""


class Body(StrEnum):
    """How a submit is sent."""

    AUTO = "auto"  # as JSON, and as a form where JSON is surely refused
    JSON = "json"
    MULTIPART = "multipart"


class VideosSettings(ApiSettings):
    """One server with `/v1/videos`, which may be in a private network."""

    body: Body = Field(
        Body.AUTO,
        description="How a submit is sent: `json`, `multipart`, or `auto`: as JSON, and as a form"
        " where JSON is refused or a picture goes along.",
    )

    @property
    def is_configured(self) -> bool:
        """Whether there is an address: a server of one's own often wants no key."""
        return bool(self.api_url)

    @property
    def address(self) -> str:
        """The API's base, with `/v1` where the address is a host alone."""
        return self.api_url if urlsplit(self.api_url).path else f"{self.api_url}/v1"


class Videos(ApiProvider):
    """One server; it needs a key only where it asks for one."""

    upstream = "The /v1/videos server"
    renew = (
        "Put its key into REELGATE_PROVIDERS__VIDEOS__KEY; its address is"
        " REELGATE_PROVIDERS__VIDEOS__API_URL."
    )
    key_opens_files = True
    needs_key = False

    def __init__(
        self,
        http: HttpClient,
        account: ApiAccount,
        named: Iterable[str] = (),
        body: Body = Body.AUTO,
    ) -> None:
        """One server.

        Args:
            http: sends the requests.
            account: where it is.
            named: the models that the operator names; none: those that the server lists.
            body: how a submit is sent.
        """
        self._named = tuple(named)
        self._body = body
        self._is_reelgate = False
        self._rows = {row.id: row for row in rows_of(account.name, self._named)}
        super().__init__(http, account, (row.model(account.name) for row in self._rows.values()))

    @property
    def catalogue_url(self) -> str:
        """OpenAI's list of models."""
        return f"{self._base_url}/models"

    async def fetch_catalogue(self) -> object:
        """The answer to `GET /v1/models`.

        Raises:
            UpstreamError: it cannot be had.
        """
        response = await self.ask(Call(path="models"))
        return None if response is None else response.json()

    def use_catalogue(self, told: object) -> None:
        """The operator's own models stand, with what the list tells of them."""
        listed = {row.id: row for row in rows_in(told)}
        own = {row.id: row for row in rows_of(self.name, self._named or listed)}
        self._rows = {name: listed.get(name, row) for name, row in own.items()}
        self._is_reelgate = is_reelgate(told)
        self._models = {name: row.model(self.name) for name, row in self._rows.items()}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """OpenAI's fields, a size in the place of ratio and resolution, and the rest by its name.

        The key is honoured by another Reelgate; nothing is sent twice because of it.
        """
        del push_url
        row, source = self._rows.get(request.model), request.source
        wire = request.model if row is None else row.wire
        body: dict[str, Any] = {"prompt": request.prompt}
        # Of a video that is made of another OpenAI's server knows the model; another Reelgate asks.
        body |= {"model": wire} if wire and (source is None or self._is_reelgate) else {}
        body |= as_openai(self.values(request))
        if marker and self._is_reelgate:
            body["metadata"] = {MARKER: marker}
        body |= references_in(request, pictures)
        headers = {"Idempotency-Key": marker} if marker else {}
        path = "videos" if source is None else PATHS[source.role]
        call = Call(method="POST", path=path, json=body, headers=headers)
        is_file = bool(pictures) and (self._body is Body.AUTO or source is not None)
        is_form = is_file or self._body is Body.MULTIPART
        return as_form(call, request, pictures) if is_form else call

    async def create_character(self, name: str, video: Picture, *, model: str) -> str:
        """Have the server learn a character.

        Raises:
            UpstreamError: `surely_refused` tells whether there is none now.
        """
        row = self._rows.get(model)
        form = [("name", name)]
        if self._is_reelgate and row is not None and row.wire:
            form.append(("model", row.wire))
        file = FilePart(SOURCE, video.file_name, video.media_type, video.content)
        call = Call(method="POST", path="videos/characters", form=form, file=file)
        response = await self._post(call)
        if not response.ok or self.error_of(response) is not None:
            raise self.submit_refusal(response)
        character_id = text_in(unwrapped(payload_of(response)), "id")
        if is_provider_id(character_id):
            return character_id
        message = f"{self.upstream} named no character in its answer."
        raise UpstreamBadResponse(message)

    async def _post(self, call: Call) -> HttpResponse:
        """As a form where JSON is not taken: who refused to read it has accepted nothing."""
        response = await super()._post(call)
        if self._body is Body.AUTO and call.form is None and wants_form(response):
            self._body = Body.MULTIPART
            return await super()._post(as_form(call))
        return response

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The id, also where a gateway wraps the video object."""
        return text_in(unwrapped(payload), "id", "task_id")

    def poll_call(self, provider_id: str) -> Call:
        """The video object."""
        return Call(path=f"videos/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A video object, in whatever words a gateway passes on."""
        video = unwrapped(payload)
        status = text_in(video, "status")
        error = first_object(video.get("error"))
        code, reason = text_in(error, "code", "type"), text_in(error, "message")
        word = word_of(status)
        is_over = word not in {Word.RUNNING, Word.SILENT}
        if is_over and (KINDS.get(code) is ModerationBlocked or word_of(code) is Word.MODERATED):
            word = Word.MODERATED
        video_id = text_in(video, "id", "task_id")
        has_file = word is Word.DONE and is_provider_id(video_id)
        return Report(
            word=word,
            status=status,
            url=f"{self._base_url}/videos/{in_path(video_id)}/content" if has_file else "",
            reason=reason or code or text_in(video, "fail_reason"),
            progress=percent(video.get("progress")),
            cost=self.cost_in(video),
        )

    def cost_in(self, payload: Mapping[str, Any]) -> Money | None:
        """Another Reelgate tells what the video costs."""
        told = first_object(unwrapped(payload).get("reelgate"))
        try:
            return Money.of(told["cost"], Unit(told["cost_unit"]))
        except (KeyError, ValueError, ArithmeticError):
            return None

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"error": {"message", "code"}}`, FastAPI's `{"detail"}`, a gateway's `{"message"}`."""
        if response.ok:
            return None
        payload = payload_of(response)
        error = first_object(payload.get("error"))
        if error or isinstance(payload.get("detail"), str | list):
            detail = payload.get("detail")
            first = first_object(detail)
            code = text_in(error, "code", "type")
            says = text_in(error, "message") or text_in(first, "msg") or text_in(payload, "detail")
        elif "code" in payload and "message" in payload:
            code, says = text_in(payload, "code"), text_in(payload, "message")
        else:
            return None
        kind = KINDS.get(code)
        if response.content_type == "application/problem+json" and code in REFUSED_BY_REELGATE:
            kind = UpstreamUnavailable
        return VendorError(says, code, kind)

    def cancel_call(self, provider_id: str) -> Call:
        """Another Reelgate stops a job and keeps its row; elsewhere it is deleted."""
        path = f"videos/{in_path(provider_id)}"
        if self._is_reelgate:
            return Call(method="POST", path=f"{path}/cancel")
        return Call(method="DELETE", path=path)

    def read_cancel(self, response: HttpResponse) -> CancelOutcome:
        """No server promises that the work ends: vLLM-Omni may finish its batch."""
        return CancelOutcome.REQUESTED if response.ok else CancelOutcome.IMPOSSIBLE

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The jobs in `GET /v1/videos` that may be this submit's.

        Raises:
            UpstreamError: the list cannot be had.
        """
        listed: list[ListedJob] = []
        after = ""
        for _ in range(MAX_PAGES):
            query = {"limit": str(PAGE_SIZE), "order": "desc", "after": after}
            response = await self.ask(Call(path="videos", query=without_empty(query)))
            data = payload_of(response).get("data") if response else None
            if not isinstance(data, list):
                message = f"{self.upstream}'s list of videos cannot be read."
                raise UpstreamBadResponse(message)
            videos = [video for video in map(first_object, data) if text_in(video, "id")]
            page = [self._listed(video, request) for video in videos]
            listed += page
            times = [job.created_at for job in page if job.created_at is not None]
            if len(page) < PAGE_SIZE or (times and min(times) < since - EARLIER_S):
                break
            after = page[-1].submission.provider_id
        return candidates(listed, request.prompt, since, marker)

    def _listed(self, video: Mapping[str, Any], request: VideoRequest) -> ListedJob:
        row, model = self._rows.get(request.model), text_in(video, "model")
        prompt = video.get("prompt")
        return ListedJob(
            submission=Submission(text_in(video, "id"), cost=self.cost_in(video)),
            created_at=unix_s(video.get("created_at")),
            prompt=prompt.strip() if isinstance(prompt, str) else None,
            marker=text_in(first_object(video.get("metadata")), MARKER),
            is_alike=not model or row is None or not row.wire or model == row.wire,
        )


def as_openai(values: Mapping[str, Any]) -> dict[str, Any]:
    """A model's values in OpenAI's spelling: seconds are text, and a frame is one size."""
    told = dict(values)
    size = frame_size(told.get("aspect_ratio"), told.get("resolution"))
    if size is not None:
        del told["aspect_ratio"], told["resolution"]
        told["size"] = size
    if "seconds" in told:
        told["seconds"] = str(told["seconds"])
    return told


def references_in(request: VideoRequest, pictures: Pictures) -> dict[str, Any]:
    """A request's references: OpenAI's picture or video, and the rest as another Reelgate's."""
    told: dict[str, Any] = {}
    for reference in request.references:
        if reference.own_id is not None:
            told[SOURCE] = {"id": reference.own_id}
            continue
        value = {f"{reference.kind}_url": source_of(reference, pictures)}
        if reference.role in PATHS:
            told[SOURCE] = value
        elif reference.role is Role.REFERENCE:
            told.setdefault(REFERENCES.name, []).append(value)
        else:
            told[MEDIA[reference.role].name] = value
    return told


def as_form(
    call: Call, request: VideoRequest | None = None, pictures: Pictures = NO_PICTURES
) -> Call:
    """A submit as `multipart/form-data`: one reference as a file, what else is no text as JSON.

    That is the video which is changed, or else the first frame. A list is a part for each of its
    entries, and a video's id is spelled as OpenAI's SDKs do.
    """
    body = dict(call.json) if isinstance(call.json, dict) else {}
    held = {SOURCE: request.source} if request and request.source else {}
    for each in request.references if request else ():
        if each.is_first_frame:
            held.setdefault(FIRST_FRAME.name, each)
    file = None
    for field, reference in held.items():
        picture = pictures.get(reference.url)
        if picture is not None:
            del body[field]
            file = FilePart(field, picture.file_name, picture.media_type, picture.content)
            break
    source = body.pop(SOURCE, None) or {}
    form = [(f"{SOURCE}[{name}]", value) for name, value in source.items()]
    form += [
        (name, each if isinstance(each, str) else json.dumps(each))
        for name, value in body.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return replace(call, json=None, form=form, file=file)


def without_empty(query: Mapping[str, str]) -> dict[str, str]:
    """A query without the names that say nothing."""
    return {name: value for name, value in query.items() if value}


def wants_form(response: HttpResponse) -> bool:
    """Whether a refusal says that the server could not read JSON.

    vLLM-Omni reads the fields of a form only, and says that there is no `prompt`.
    """
    if response.status == UNSUPPORTED_MEDIA:
        return True
    text = response.text.lower()
    is_missed = "prompt" in text and ("missing" in text or "field required" in text)
    return response.status in {400, 422} and (is_missed or "multipart" in text)


def unwrapped(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The video object, also in `{"code", "data": {...}}`, as new-api wraps it."""
    inner = payload.get("data")
    return inner if isinstance(inner, dict) and "id" not in payload else payload


PROVIDER = at_api(
    settings_of(
        VideosSettings,
        "videos",
        title="/v1/videos server",
        example_model="videos",
        api_url="",
        about="Your server with OpenAI's `/v1/videos`, such as `http://gpu:8091/v1`: vLLM-Omni,"
        " SGLang, LiteLLM, another Reelgate. It may be in a private network.",
    ),
    lambda http, account, settings: Videos(
        http, account, more(settings), settings.body if settings else Body.AUTO
    ),
    stand_in_path="videos/v1",
)
