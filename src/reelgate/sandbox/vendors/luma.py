"""A stand-in for Luma's Dream Machine API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.routes import Plan
from reelgate.sandbox.vendor import Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

BASE = "/dream-machine/v1"
STATES = {
    JobState.QUEUED: "queued",
    JobState.GENERATING: "dreaming",
    JobState.FINISHED: "completed",
    JobState.FAILED: "failed",
}
MODERATED = "400: prompt not allowed because advanced moderation failed"
HTTP_PAYMENT_REQUIRED = 402


class LumaRoutes(VendorRoutes):
    """Luma: the list tells requests, and an account without credits is told by 400."""

    vendor: ClassVar[str] = "luma"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Submit, list, poll, delete."""
        job = f"{BASE}/generations/{{id}}"
        return (
            self.on("POST", f"{BASE}/generations/video", Operation.SUBMIT, self.submit),
            self.on("GET", f"{BASE}/generations", Operation.OTHER, self._list),
            self.on("GET", job, Operation.STATUS, self.poll),
            self.on("DELETE", job, Operation.OTHER, self._delete),
        )

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A request; the model and the seconds must be Luma's."""
        del request
        if not isinstance(wish.get("prompt"), str) or not wish["prompt"].strip():
            raise self.refused(400, "prompt is required")
        if not isinstance(wish.get("model"), str):
            raise self.refused(400, "model is required")
        seconds = str(wish.get("duration") or "5s")
        if not seconds.endswith("s"):
            raise self.refused(400, "duration must be 5s or 9s")
        for frame in (wish.get("keyframes") or {}).values():
            if frame.get("type") == "generation":
                generation = self.find(str(frame.get("id")))
                if self.provider.state(generation) is not JobState.FINISHED:
                    raise self.refused(400, f"generation {generation.id} is not completed")
        return Asked(
            wish["prompt"],
            str(wish.get("aspect_ratio") or ""),
            seconds.removesuffix("s"),
            str(wish.get("resolution") or ""),
            {"request": {"generation_type": "video", **wish}},
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The generation."""
        return self.answer(self._generation(request, job, JobState.QUEUED), 201)

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The generation."""
        return self.answer(self._generation(request, job, state))

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """One sentence."""
        if status == HTTP_PAYMENT_REQUIRED:
            status, message = 400, "Insufficient credits"
        body = json_answer({"detail": message}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    def moderation_answer(self) -> Answer:
        """As it is told of a job, without the status."""
        return self.error_answer(400, MODERATED.removeprefix("400: "))

    def _generation(self, request: web.Request, job: Job, state: JobState) -> dict[str, Any]:
        word = job.word(state)
        reason = MODERATED if job.has(Effect.MODERATED) else job.reason or "500: internal error"
        assets = {"video": self.file_url(request, job)} if state is JobState.FINISHED else None
        return {
            "id": job.id,
            "generation_type": "video",
            "state": STATES[state] if word == str(state) else word,
            "failure_reason": reason if state is JobState.FAILED else None,
            "created_at": datetime.fromtimestamp(job.accepted_at, UTC).isoformat(),
            "assets": assets,
            "model": job.details["request"]["model"],
            "request": job.details["request"],
        }

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        limit, offset = int(request.query.get("limit", 10)), int(request.query.get("offset", 0))
        jobs = self.newest()
        page = [
            self._generation(request, job, self.provider.state(job))
            for job in jobs[offset : offset + limit]
        ]
        body = {
            "generations": page,
            "count": len(page),
            "has_more": offset + limit < len(jobs),
            "limit": limit,
            "offset": offset,
        }
        return Plan(lambda: Result(self.answer(body)), None)

    async def _delete(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        self.find(request.match_info["id"])
        return Plan(lambda: Result(Answer(b"", 204)), None)
