"""A stand-in for MiniMax: one vendor with two APIs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.recorder import Outcome
from reelgate.sandbox.routes import Plan
from reelgate.sandbox.vendor import REFUSED_PROMPT, Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

RESOLUTIONS = {"512P": "540p", "768P": "720p", "1080P": "1080p", "2K": "1440p", "": ""}
ADAPTIVE = "adaptive"
ERRORS = {
    400: ("bad_request_error", 2013),
    401: ("authorized_error", 1004),
    402: ("insufficient_balance_error", 1008),
    422: ("unprocessable_entity_error", 1026),
    429: ("rate_limit_error", 1002),
}
FAULT = ("server_error", 1000)
BAD_REQUEST = 400
PROMPT_SENSITIVE, OUTPUT_SENSITIVE, INTERNAL = 1026, 1027, 1000
NOT_FOUND = 404
SERVER_FAULT = 500


class _MiniMaxRoutes(VendorRoutes):
    """What both APIs have in common."""

    vendor: ClassVar[str] = "minimax"

    def new_id(self) -> str:
        """Digits only."""
        return str(uuid4().int)[:15]

    def asked(self, wish: dict[str, Any], prompt: object, ratio: str = "") -> Asked:
        """A submit of either API."""
        resolution = str(wish.get("resolution") or "")
        if not isinstance(prompt, str) or not prompt.strip():
            raise self.refused(BAD_REQUEST, "invalid params, prompt is required")
        if resolution not in RESOLUTIONS:
            raise self.refused(BAD_REQUEST, "invalid params, resolution is not supported")
        return Asked(
            prompt,
            ratio,
            str(wish.get("duration") or ""),
            RESOLUTIONS[resolution],
            {
                "model": str(wish.get("model")),
                "resolution": resolution,
                "duration": wish.get("duration"),
                "ratio": ratio,
            },
        )

    def end_of(self, job: Job, state: JobState) -> int:
        """The code of a job that failed, or that moderation stopped at its end; else 0."""
        if state is JobState.FAILED:
            return PROMPT_SENSITIVE if job.has(Effect.MODERATED) else INTERNAL
        at_end = self.is_moderated(job, "result") and state is JobState.FINISHED
        return OUTPUT_SENSITIVE if at_end else 0


class MiniMaxSecondRoutes(_MiniMaxRoutes):
    """The second API: tasks, and HTTP statuses for errors."""

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Submit, poll, list."""
        query = "/v2/query/video_generation"
        return (
            self.on("POST", "/v2/video_generation", Operation.SUBMIT, self.submit),
            self.on("GET", query, Operation.LIST, self._list),
            self.on("GET", f"{query}/{{id}}", Operation.STATUS, self.poll),
        )

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """One text, and pictures, videos and sounds by their roles."""
        del request
        content = wish.get("content")
        parts = [each for each in content if isinstance(each, dict)] if content else []
        texts = [each.get("text") for each in parts if each.get("type") == "text"]
        roles = {str(each.get("role")) for each in parts if each.get("type") != "text"}
        if len(texts) != 1:
            raise self.refused(BAD_REQUEST, "invalid params, exactly one text is required")
        if any("frame" in role for role in roles) and any("reference" in role for role in roles):
            raise self.refused(BAD_REQUEST, "invalid params, frames and references")
        ratio = str(wish.get("ratio") or ADAPTIVE)
        if not roles and ratio == ADAPTIVE:
            raise self.refused(BAD_REQUEST, "invalid params, ratio must not be adaptive")
        return self.asked(wish, texts[0], ratio)

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The id, and nothing else."""
        del request
        return self.answer({"task_id": job.id})

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The task in an object of its own."""
        return self.answer({"task": self._task(request, job, state)})

    def _task(self, request: web.Request, job: Job, state: JobState) -> dict[str, Any]:
        words = {JobState.QUEUED: "queued", JobState.GENERATING: "running"}
        task: dict[str, Any] = {"id": job.id, "type": "video_generation", **job.details}
        task |= {"status": words.get(state, "succeeded"), "created_at": int(job.accepted_at)}
        if code := self.end_of(job, state):
            error = {"code": code, "message": job.reason or "generation failed"}
            return task | {"status": "failed", "error": error}
        if state is JobState.FINISHED:
            seconds = job.clip.duration_s
            task["content"] = {"url": self.file_url(request, job)}
            usage = {"input_seconds": 0, "output_seconds": seconds, "total_seconds": seconds}
            task["usage"] = usage
        return task

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """The code ends the sentence; a task that is not known (any more) is a bad request."""
        if status == NOT_FOUND and message == "no such job":
            status, message = BAD_REQUEST, "invalid params, invalid task_id"
        kind, code = ERRORS.get(status, FAULT if status >= SERVER_FAULT else ERRORS[BAD_REQUEST])
        error = {"type": kind, "message": f"{message} ({code})", "http_code": str(status)}
        body = json_answer({"type": "error", "error": error, "request_id": "sandbox"}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    def moderation_answer(self) -> Answer:
        """A status of its own."""
        return self.error_answer(422, REFUSED_PROMPT)

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        rule = self.provider.faults.take(Operation.LIST, "", ())
        return Plan(partial(self._listed, request), rule)

    def _listed(self, request: web.Request) -> Result:
        size, page = (int(request.query.get(f"page_{each}", "1")) for each in ("size", "num"))
        shown = self.newest()[size * (page - 1) : size * page]
        tasks = [self._task(request, job, self.state(job)) for job in shown]
        return Result(json_answer({"tasks": tasks, "total": len(self.newest())}))


class MiniMaxFirstRoutes(_MiniMaxRoutes):
    """The first API: a file id for a finished video, and HTTP 200 for every error."""

    file_path: ClassVar[str] = "/first/{file}.mp4"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Submit, poll, and the file's address."""
        query = "/v1/query/video_generation"
        return (
            self.on("POST", "/v1/video_generation", Operation.SUBMIT, self.submit),
            self.on("GET", query, Operation.STATUS, self._poll),
            self.on("GET", "/v1/files/retrieve", Operation.STATUS, self._retrieve),
        )

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A flat body."""
        del request
        return self.asked(wish, wish.get("prompt"))

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The id and a code that says that all is well."""
        del request
        return self._with_code({"task_id": job.id}, 0, "success")

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The code of a failed job stands where that of a failed request stands."""
        del request
        words = {JobState.QUEUED: "Queueing", JobState.GENERATING: "Processing"}
        task: dict[str, Any] = {"task_id": job.id, "status": words.get(state, "Success")}
        if code := self.end_of(job, state):
            return self._with_code(task | {"status": "Fail"}, code, job.reason or "failed")
        if state is JobState.FINISHED:
            task["file_id"] = job.id
        return self._with_code(task, 0, "success")

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A code within HTTP 200; a fault of the server's is none of the API's words."""
        if status == NOT_FOUND:
            status, message = BAD_REQUEST, "invalid params, invalid task_id"
        if status not in ERRORS:
            return Answer(b"", status, "text/plain", headers or {})
        answer = self._with_code({}, ERRORS[status][1], message)
        return Answer(answer.body, 200, answer.content_type, headers or {})

    def moderation_answer(self) -> Answer:
        """A code like any other."""
        return self._with_code({}, PROMPT_SENSITIVE, REFUSED_PROMPT)

    def _with_code(self, body: dict[str, Any], code: int, says: str) -> Answer:
        return self.answer(body | {"base_resp": {"status_code": code, "status_msg": says}})

    async def _poll(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        return self.poll_of(request, recorded, request.query.get("task_id", ""))

    async def _retrieve(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.query.get("file_id", ""))
        recorded.id = job.id
        file = {"file_id": job.id, "download_url": self.file_url(request, job)}
        answer = self._with_code({"file": file}, 0, "success")
        return Plan(lambda: Result(answer, Outcome.ANSWERED, job.id), None)
