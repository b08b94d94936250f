"""A stand-in for fal's queue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

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

STATUSES = {
    JobState.QUEUED: "IN_QUEUE",
    JobState.GENERATING: "IN_PROGRESS",
    JobState.FINISHED: "COMPLETED",
    JobState.FAILED: "COMPLETED",
}
"""There is no failed status: the result tells."""


class FalRoutes(VendorRoutes):
    """fal: the model is in the path, and a job's end is in its result."""

    vendor: ClassVar[str] = "fal"
    key_scheme: ClassVar[str] = "Key "

    def endpoints(self) -> Iterable[web.RouteDef]:
        """The longest paths first."""
        job = "/{model:.+}/requests/{id}"
        return (
            self.on("GET", f"{job}/status", Operation.STATUS, self.poll),
            self.on("PUT", f"{job}/cancel", Operation.OTHER, self._cancel),
            self.on("GET", job, Operation.STATUS, self._result),
            self.on("POST", "/{model:.+}", Operation.SUBMIT, self.submit),
        )

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """The model's own input."""
        prompt = wish.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise self.refused_with(invalid("prompt", "Field required", "missing"))
        duration = str(wish.get("duration") or "").removesuffix("s")
        if duration and not duration.isdecimal():
            raise self.refused_with(invalid("duration", "unexpected value", "literal_error"))
        return Asked(
            prompt,
            str(wish.get("aspect_ratio") or ""),
            duration,
            str(wish.get("resolution") or ""),
            {"model": request.match_info["model"], "seed": wish.get("seed")},
            request.query.get("fal_webhook", ""),
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """Three addresses that are to be followed; the queue drops the model's last parts."""
        owner, _, rest = str(job.details["model"]).partition("/")
        base = f"{request.scheme}://{request.host}/fal/{owner}/{rest.partition('/')[0]}"
        url = f"{base}/requests/{job.id}"
        return self.answer(
            {
                "request_id": job.id,
                "response_url": url,
                "status_url": f"{url}/status",
                "cancel_url": f"{url}/cancel",
                "queue_position": 0,
            }
        )

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The queue's status."""
        del request
        body: dict[str, Any] = {"status": STATUSES[state], "request_id": job.id}
        if state is JobState.QUEUED:
            body["queue_position"] = 1
        if state is JobState.FAILED and not job.has(Effect.MODERATED):
            body |= {"error": job.reason or "Runner failed", "error_type": "runner_disconnected"}
        return self.answer(body)

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """The platform's shape."""
        kind = {504: "request_timeout", 503: "runner_scheduling_failure"}.get(status, "bad_request")
        body = json_answer({"detail": message, "error_type": kind}, status)
        own = {"X-Fal-Error-Type": kind, "x-fal-request-id": "sandbox", **(headers or {})}
        return Answer(body.body, status, body.content_type, own)

    def moderation_answer(self) -> Answer:
        """The model's shape, as the result of a moderated job has it, too."""
        return invalid("prompt", REFUSED_PROMPT, "content_policy_violation")

    async def _result(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        recorded.id = job.id
        rule = self.provider.faults.take(Operation.STATUS, job.id, job.rules)
        return Plan(partial(self._told_result, request, job), rule)

    def _told_result(self, request: web.Request, job: Job) -> Result:
        state = self.provider.state(job)
        if state is JobState.FAILED or (
            state is JobState.FINISHED and self.is_moderated(job, "result")
        ):
            answer = self.moderation_answer() if job.has(Effect.MODERATED) else runner_failed()
            return Result(answer, Outcome.FAILED, job.id)
        if state is not JobState.FINISHED:
            running = self.error_answer(400, "Request is still in progress")
            return Result(running, Outcome.RENDERING, job.id)
        video = {"url": self.file_url(request, job), "content_type": "video/mp4"}
        body = json_answer({"video": video, "seed": job.details.get("seed") or 42})
        units = {"x-fal-billable-units": str(job.clip.duration_s), "x-fal-request-id": job.id}
        answer = Answer(body.body, headers=units)
        return Result(answer, Outcome.READY, job.id)

    async def _cancel(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        state = self.provider.state(self.find(request.match_info["id"]))
        words = {JobState.QUEUED: ("OK", 200), JobState.GENERATING: ("CANCELLATION_REQUESTED", 202)}
        word, status = words.get(state, ("ALREADY_COMPLETED", 400))
        done = Result(json_answer({"status": word}, status))
        return Plan(lambda: done, None)


def invalid(name: str, message: str, kind: str) -> Answer:
    """A model's refusal of a field."""
    detail = [{"loc": ["body", name], "msg": message, "type": kind, "url": "https://fal.ai"}]
    body = json_answer({"detail": detail}, 422)
    headers = {"X-Fal-Retryable": "false", "x-fal-request-id": "sandbox"}
    return Answer(body.body, 422, body.content_type, headers)


def runner_failed() -> Answer:
    """The result of a job whose runner broke."""
    body = json_answer({"detail": "Runner failed", "error_type": "runner_disconnected"}, 503)
    return Answer(body.body, 503, body.content_type, {"x-fal-request-id": "sandbox"})
