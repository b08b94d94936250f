"""A stand-in for xAI's video API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.vendor import REFUSED_PROMPT, Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job

TICKS_PER_SECOND = 500_000_000
"""Of video: $0.05."""


class XaiRoutes(VendorRoutes):
    """xAI: a job at work is 202, with an empty body while it waits for its turn."""

    vendor: ClassVar[str] = "xai"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Submit and poll."""
        return (
            self.on("POST", "/v1/videos/generations", Operation.SUBMIT, self.submit),
            self.on("GET", "/v1/videos/{id}", Operation.STATUS, self.poll),
        )

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A request for any model, with one kind of pictures."""
        del request
        if not isinstance(wish.get("prompt"), str) or not wish["prompt"].strip():
            raise self.refused(422, "missing field `prompt`")
        if "image" in wish and "reference_images" in wish:
            raise self.refused(400, "image and reference_images are mutually exclusive")
        told = ("model", "image", "reference_images")
        return Asked(
            wish["prompt"],
            str(wish.get("aspect_ratio") or ""),
            str(wish.get("duration") or ""),
            str(wish.get("resolution") or ""),
            {name: wish[name] for name in told if name in wish},
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The id alone."""
        del request
        return self.answer({"request_id": job.id})

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """What moderation blocked is done, charged, and has no address."""
        ticks = job.clip.duration_s * TICKS_PER_SECOND
        done = {"model": job.details.get("model"), "usage": {"cost_in_usd_ticks": ticks}}
        if state is JobState.QUEUED:
            return Answer(b"", 202)
        if state is JobState.GENERATING:
            return self.answer({"status": job_word(job, state), "progress": 40}, 202)
        if state is JobState.FINISHED:
            video = {"url": self.file_url(request, job), "duration": job.clip.duration_s}
            video |= {"respect_moderation": True}
            return self.answer({"status": "done", "progress": 100, "video": video, **done})
        if self.is_moderated(job, "result"):
            video = {"url": "", "respect_moderation": False}
            return self.answer({"status": "done", "video": video, **done})
        code = "invalid_argument" if job.has(Effect.MODERATED) else "internal_error"
        message = REFUSED_PROMPT if job.has(Effect.MODERATED) else job.reason or "Internal error"
        error = {"code": code, "message": message}
        return self.answer({"status": job_word(job, state), "error": error})

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A code in words, and a sentence."""
        told = {"code": "Client specified an invalid argument", "error": message}
        body = json_answer(told, status)
        return Answer(body.body, status, body.content_type, headers or {})


def job_word(job: Job, state: JobState) -> str:
    """The status word, or the one that a fault asks for."""
    word = job.word(state)
    return {"generating": "pending"}.get(word, word)
