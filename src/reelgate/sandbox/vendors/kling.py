"""A stand-in for Kling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.vendor import REFUSED_PROMPT, Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job

CODES = {400: 1201, 401: 1002, 402: 1102, 403: 1103, 404: 1203, 429: 1302}
FAULT = 5000
MODERATION = 1301
STATUSES = {
    JobState.QUEUED: "submitted",
    JobState.GENERATING: "processing",
    JobState.FINISHED: "succeed",
    JobState.FAILED: "failed",
}
RISK = "Failure to pass the risk control system"
FROM_TEXT, FROM_PICTURE = "text2video", "image2video"


class KlingRoutes(VendorRoutes):
    """Two paths, each of which knows its own tasks only; a code in every answer."""

    vendor: ClassVar[str] = "kling"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Submit and poll."""
        for path in (FROM_TEXT, FROM_PICTURE):
            yield self.on("POST", f"/v1/videos/{path}", Operation.SUBMIT, self.submit)
            yield self.on("GET", f"/v1/videos/{path}/{{id}}", Operation.STATUS, self.poll)

    def new_id(self) -> str:
        """Digits only."""
        return str(uuid4().int)[:18]

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """Durations and sound are words; a picture is bare base64 or an address."""
        is_from_picture = request.path.endswith(FROM_PICTURE)
        prompt, duration = wish.get("prompt"), wish.get("duration", "5")
        if not isinstance(prompt, str) or not prompt.strip():
            raise self.refused(400, "prompt is required")
        if not isinstance(duration, str) or wish.get("sound", "off") not in {"on", "off"}:
            raise self.refused(400, "duration and sound must be texts")
        if is_from_picture is not bool(wish.get("image")):
            raise self.refused(400, f"image and {request.path} do not go together")
        if any(str(wish.get(name, "")).startswith("data:") for name in ("image", "image_tail")):
            raise self.refused(400, "image must be bare base64")
        return Asked(
            prompt,
            str(wish.get("aspect_ratio") or ""),
            duration,
            "",
            {
                "path": FROM_PICTURE if is_from_picture else FROM_TEXT,
                "external_task_id": wish.get("external_task_id"),
            },
            str(wish.get("callback_url") or ""),
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The task."""
        del request
        return self._all_well(self._task(job, JobState.QUEUED))

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The task, with what it cost once it is over."""
        if not request.path.startswith(f"/kling/v1/videos/{job.details['path']}/"):
            return self.error_answer(404, "no such job")
        task = self._task(job, state)
        if state is JobState.FINISHED and self.is_moderated(job, "result"):
            task |= {"task_status": "failed", "task_status_msg": RISK}
        elif state is JobState.FINISHED:
            video = {"id": job.id, "url": self.file_url(request, job)}
            task["task_result"] = {"videos": [video | {"duration": str(job.clip.duration_s)}]}
            task["final_unit_deduction"] = str(job.clip.duration_s)
        elif state is JobState.FAILED:
            is_moderated = job.has(Effect.MODERATED)
            task["task_status_msg"] = RISK if is_moderated else job.reason or "Internal error"
        return self._all_well(task)

    def _task(self, job: Job, state: JobState) -> dict[str, Any]:
        at_ms = int(job.accepted_at * 1000)
        return {
            "task_id": job.id,
            "task_status": STATUSES[state],
            "task_info": {"external_task_id": job.details["external_task_id"]},
            "created_at": at_ms,
            "updated_at": at_ms,
        }

    def _all_well(self, task: dict[str, Any]) -> Answer:
        told = {"code": 0, "message": "SUCCEED", "request_id": "sandbox", "data": task}
        return self.answer(told)

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A code beside the HTTP status."""
        return self._error(status, CODES.get(status, FAULT), message, headers)

    def moderation_answer(self) -> Answer:
        """A bad request with a code of its own."""
        return self._error(400, MODERATION, REFUSED_PROMPT)

    def _error(
        self, status: int, code: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        body = json_answer({"code": code, "message": message, "request_id": "sandbox"}, status)
        return Answer(body.body, status, body.content_type, headers or {})
