"""A stand-in for Ark, where Seedance's videos are tasks."""

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

ANY = frozenset(
    {
        *("model", "content", "ratio", "resolution", "duration", "watermark", "callback_url"),
        *("return_last_frame", "execution_expires_after", "priority", "safety_identifier"),
    }
)
"""What every model takes."""
FIRST_ONLY = frozenset({"seed", "camera_fixed", "service_tier", "frames"})
SECOND_ONLY = frozenset({"generate_audio", "output_format", "draft"})
FRAMES = frozenset({"first_frame", "last_frame"})
STATUSES = {
    JobState.QUEUED: "queued",
    JobState.GENERATING: "running",
    JobState.FINISHED: "succeeded",
    JobState.FAILED: "failed",
}
MODEL_CHOOSES = -1
DEFAULT_S = 5


class ArkRoutes(VendorRoutes):
    """Tasks, of which what a model does not take is refused, and a list without prompts."""

    vendor: ClassVar[str] = "ark"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """One path for all."""
        tasks = "/api/v3/contents/generations/tasks"
        return (
            self.on("POST", tasks, Operation.SUBMIT, self.submit),
            self.on("GET", tasks, Operation.LIST, self._list),
            self.on("GET", f"{tasks}/{{id}}", Operation.STATUS, self.poll),
            self.on("DELETE", f"{tasks}/{{id}}", Operation.OTHER, self._delete),
        )

    def new_id(self) -> str:
        """`cgt-` and more."""
        return f"cgt-{uuid4().hex}"

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """Checks each field against the model."""
        del request
        # Its own client sends a null for whatever it was not told.
        wish = {name: value for name, value in wish.items() if value is not None}
        model, content = wish.get("model"), wish.get("content")
        if not isinstance(model, str) or not isinstance(content, list):
            raise self.refused(400, "the parameter `content` is required")
        own = FIRST_ONLY if "seedance-1-" in model else SECOND_ONLY
        if unknown := sorted(wish.keys() - ANY - own):
            raise self.refused(400, f"the parameter `{unknown[0]}` is not valid for {model}")
        duration = wish.get("duration", DEFAULT_S)
        if not isinstance(duration, int) or not (duration == MODEL_CHOOSES or duration > 1):
            raise self.refused(400, "the parameter `duration` is not valid")
        self._check_roles([each.get("role") for each in content[1:]])
        seconds = DEFAULT_S if duration == MODEL_CHOOSES else duration
        return Asked(
            str(content[0].get("text") or ""),
            str(wish.get("ratio") or ""),
            str(seconds),
            str(wish.get("resolution") or ""),
            {
                "model": model,
                "seed": wish.get("seed", 42),
                "safety_identifier": wish.get("safety_identifier"),
                "ratio": wish.get("ratio", "16:9"),
                "resolution": wish.get("resolution", "720p"),
                "duration": seconds,
            },
            str(wish.get("callback_url") or ""),
        )

    def _check_roles(self, roles: list[str | None]) -> None:
        if "last_frame" in roles and "first_frame" not in roles:
            raise self.refused(400, "a last frame needs a first frame")
        if FRAMES & set(roles) and any(each not in FRAMES for each in roles):
            message = "first/last frame content cannot be mixed with reference media content"
            raise self.refused(400, message)

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The id, and nothing else."""
        del request
        return self.answer({"id": job.id})

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The task, with the duration as a text."""
        task = self._task(request, job, state)
        return self.answer(task | {"duration": str(task["duration"])})

    def _task(self, request: web.Request, job: Job, state: JobState) -> dict[str, Any]:
        task: dict[str, Any] = {
            "id": job.id,
            **{name: value for name, value in job.details.items() if value is not None},
            "status": "cancelled" if job.id in self.cancelled else STATUSES[state],
            "created_at": int(job.accepted_at),
            "updated_at": int(job.accepted_at),
            "service_tier": "default",
            "execution_expires_after": 172_800,
            "framespersecond": 24,
        }
        at_end = self.is_moderated(job, "result") and state is JobState.FINISHED
        if at_end or state is JobState.FAILED:
            task["error"] = self._error_of(job, at_end=at_end)
            return task | ({"status": "failed"} if at_end else {})
        if state is JobState.FINISHED:
            tokens = job.clip.duration_s * 21_600
            task["content"] = {"video_url": self.file_url(request, job)}
            task["usage"] = {"completion_tokens": tokens, "total_tokens": str(tokens)}
        return task

    def _error_of(self, job: Job, *, at_end: bool) -> dict[str, str]:
        if at_end or job.has(Effect.MODERATED):
            what = "OutputVideo" if at_end else "InputText"
            return {"code": f"{what}SensitiveContentDetected", "message": "Sensitive content."}
        return {"code": "InternalServiceError", "message": job.reason or "Internal error."}

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A code beside the HTTP status."""
        codes = {401: "AuthenticationError", 404: "ResourceNotFound", 429: "QuotaExceeded"}
        return self._error(status, codes.get(status, "InvalidParameter"), message, headers)

    def moderation_answer(self) -> Answer:
        """Told by the code."""
        return self._error(400, "InputTextSensitiveContentDetected", REFUSED_PROMPT)

    def _error(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        error = {"code": code, "message": message, "param": "", "type": "BadRequest"}
        body = json_answer({"error": error}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        rule = self.provider.faults.take(Operation.LIST, "", ())
        return Plan(partial(self._listed, request), rule)

    def _listed(self, request: web.Request) -> Result:
        """The newest first, with the duration as a number."""
        size, page = (int(request.query.get(f"page_{each}", "1")) for each in ("size", "num"))
        jobs = self.newest()
        shown = jobs[size * (page - 1) : size * page]
        items = [self._task(request, job, self.state(job)) for job in shown]
        return Result(json_answer({"total": len(jobs), "items": items}))

    async def _delete(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        recorded.id = job.id

        def perform() -> Result:
            if self.state(job) is JobState.GENERATING:
                return Result(self.error_answer(409, "a running task cannot be deleted"))
            self.cancelled.add(job.id)
            return Result(json_answer({}), Outcome.ANSWERED, job.id)

        return Plan(perform, None)
