"""A stand-in for Runway's API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.recorder import Outcome
from reelgate.sandbox.routes import Plan
from reelgate.sandbox.vendor import Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

VERSION = "2024-11-06"
POLL_GAP_S = 5.0
"""A task is to be asked for no more often; told to who looks at the record."""
MAX_PROMPT_CHARS = 3500
DOC_URL = "https://docs.dev.runwayml.com/api"
STATUSES = {
    JobState.QUEUED: "PENDING",
    JobState.GENERATING: "RUNNING",
    JobState.FINISHED: "SUCCEEDED",
    JobState.FAILED: "FAILED",
}
MODERATED = {
    "job": ("SAFETY.OUTPUT.VIDEO", "The output was flagged by our content moderation system."),
    "result": ("INPUT_PREPROCESSING.SAFETY.TEXT", "The input was flagged."),
}


@dataclass(frozen=True, slots=True)
class RunwayRoutes(VendorRoutes):
    """Tasks that cost credits, and tell how many.

    Attributes:
        polled_at: when each task was asked for last, Unix seconds.
    """

    vendor: ClassVar[str] = "runway"
    polled_at: dict[str, float] = field(default_factory=dict)

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Two ways to make a video, and the tasks."""
        task = "/v1/tasks/{id}"
        return (
            self.on("POST", "/v1/text_to_video", Operation.SUBMIT, self.submit),
            self.on("POST", "/v1/image_to_video", Operation.SUBMIT, self.submit),
            self.on("GET", task, Operation.STATUS, self.poll),
            self.on("DELETE", task, Operation.OTHER, self._delete),
            self.on("GET", "/v1/organization", Operation.CREDIT, self._organization),
        )

    def need_key(self, request: web.Request) -> None:
        """Check the version, and then the key."""
        if request.headers.get("X-Runway-Version") != VERSION:
            raise self.refused(400, f"The X-Runway-Version header must be {VERSION}.")
        # Not `super()`: a dataclass with slots is another class than the one it was written as.
        VendorRoutes.need_key(self, request)

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A model, a prompt, and a size in pixels."""
        prompt, has_image = wish.get("promptText"), "promptImage" in wish
        if not isinstance(prompt, str) or not 0 < len(prompt) <= MAX_PROMPT_CHARS:
            raise self.refused_with(invalid("promptText", "Required"))
        if has_image is not request.path.endswith("/image_to_video"):
            raise self.refused_with(invalid("promptImage", "Required, here alone"))
        if wish.get("model") == "gen4.5" and "duration" not in wish:
            raise self.refused_with(invalid("duration", "Required"))
        width, colon, height = str(wish.get("ratio") or "1280:720").partition(":")
        if not (colon and width.isdecimal() and height.isdecimal()):
            raise self.refused_with(invalid("ratio", "Invalid input"))
        ratio, resolution = shape_of(int(width), int(height))
        duration = str(wish.get("duration") or "")
        return Asked(prompt, ratio, duration, resolution, {"model": str(wish.get("model"))})

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The task's id, and the most that it may charge."""
        del request
        return self.answer({"id": job.id, "estimatedCost": {"credits": float(job.cost)}})

    def poll_of(self, request: web.Request, recorded: RecordedRequest, job_id: str) -> Plan:
        """A complaint on record where a task is asked for too soon again."""
        now = self.provider.clock.now()
        gap_s = now - self.polled_at.get(job_id, 0.0)
        self.polled_at[job_id] = now
        if gap_s < POLL_GAP_S / self.provider.options.speed:
            recorded.message = f"asked for again after {gap_s:.3f} s"
        return VendorRoutes.poll_of(self, request, recorded, job_id)

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The task; over the account's number of tasks at once it says `THROTTLED`."""
        is_over = state in {JobState.FINISHED, JobState.FAILED}
        created = datetime.fromtimestamp(job.accepted_at, UTC).isoformat().replace("+00:00", "Z")
        task: dict[str, Any] = {"id": job.id, "createdAt": created, "status": STATUSES[state]}
        if is_over:
            task["cost"] = {"credits": job.cost if state is JobState.FINISHED else 0}
        else:
            task["estimatedCost"] = {"credits": float(job.cost)}
        if state is JobState.GENERATING:
            task |= {"status": job.word(state).upper()} if job.has(Effect.SAYS) else {}
            task["progress"] = 0.45
        if state is JobState.FINISHED:
            task["output"] = [self.file_url(request, job)]
        if state is JobState.FAILED:
            at = "result" if self.is_moderated(job, "result") else "job"
            failed = ("INTERNAL.BAD_OUTPUT.CODE01", job.reason or "An internal error occurred.")
            code, failure = MODERATED[at] if job.has(Effect.MODERATED) else failed
            task |= {"failure": failure, "failureCode": code}
        return self.answer(task)

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A sentence and where to read more; out of credits is a bad request as well."""
        is_credits = message == "not enough credits"
        said = "You do not have enough credits to run this task." if is_credits else message
        status = 400 if is_credits else status
        body = json_answer({"error": said, "docUrl": DOC_URL}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    def moderation_answer(self) -> Answer:
        """A bad request."""
        return self.error_answer(400, "The prompt was stopped by our content moderation.")

    def find(self, job_id: str) -> Job:
        """A task that was deleted is not known any more."""
        if job_id in self.cancelled:
            raise self.refused(404, "no such task")
        return VendorRoutes.find(self, job_id)

    async def _delete(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        recorded.id = job.id

        def perform() -> Result:
            self.cancelled.add(job.id)
            return Result(Answer(b"", 204), Outcome.ANSWERED, job.id)

        return Plan(perform, None)

    async def _organization(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        limits = {"maxConcurrentGenerations": 5, "maxDailyGenerations": None}
        told = {
            "creditBalance": self.provider.account.credits,
            "tier": {"maxMonthlyCreditSpend": 10_000, "models": {"gen4.5": limits}},
            "usage": {"models": {"gen4.5": {"dailyGenerations": 0}}},
        }
        return Plan(lambda: Result(json_answer(told)), None)


def shape_of(width: int, height: int) -> tuple[str, str]:
    """A size in pixels as ratio and resolution, the nearest that a clip can have."""
    divisor = gcd(width, height)
    short = min(width, height)
    named = min((360, 480, 720, 1080, 2160), key=lambda each: abs(each - short))
    return f"{width // divisor}:{height // divisor}", f"{named}p"


def invalid(name: str, message: str) -> Answer:
    """A refusal of a field."""
    issue = {"code": "custom", "message": f"{name}: {message}", "path": [name]}
    body = {"error": "Validation of body failed", "issues": [issue], "docUrl": DOC_URL}
    return json_answer(body, 400)
