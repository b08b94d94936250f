"""A stand-in for OpenRouter's video API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.routes import Plan
from reelgate.sandbox.vendor import REFUSED_PROMPT, Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

BASE = "/api/v1"
STATUSES = {
    JobState.QUEUED: "pending",
    JobState.GENERATING: "in_progress",
    JobState.FINISHED: "completed",
    JobState.FAILED: "failed",
}
COST_USD = 0.25
"""Of every video."""
MODELS: list[dict[str, Any]] = [
    {
        "id": "sandbox/reel-1",
        "canonical_slug": "sandbox/reel-1",
        "name": "Sandbox: Reel 1",
        "created": 1790000000,
        "supported_durations": [4, 8],
        "supported_resolutions": ["480p", "720p"],
        "supported_aspect_ratios": ["9:16", "16:9"],
        "supported_sizes": None,
        "creativity": None,
        "upscale_factor": None,
        "supported_frame_images": ["first_frame", "last_frame"],
        "generate_audio": True,
        "seed": None,
        "allowed_passthrough_parameters": ["negativePrompt"],
        "pricing_skus": {
            "duration_seconds_with_audio": "0.10",
            "duration_seconds_without_audio": "0.05",
            "duration_seconds_with_audio_480p": "0.04",
        },
    },
    {
        "id": "sandbox/by-tokens",
        "canonical_slug": "sandbox/by-tokens",
        "name": "Sandbox: By tokens",
        "created": 1790000000,
        "supported_durations": None,
        "supported_resolutions": None,
        "supported_aspect_ratios": ["16:9"],
        "supported_sizes": None,
        "creativity": None,
        "upscale_factor": None,
        "supported_frame_images": None,
        "generate_audio": False,
        "seed": True,
        "allowed_passthrough_parameters": [],
        "pricing_skus": {"video_tokens": "0.000007"},
    },
]


class OpenRouterRoutes(VendorRoutes):
    """OpenRouter: the file is at an address of its own, to the key alone."""

    vendor: ClassVar[str] = "openrouter"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """The catalogue before the jobs: its path looks like one."""
        job = f"{BASE}/videos/{{id}}"
        return (
            self.on("POST", f"{BASE}/videos", Operation.SUBMIT, self.submit),
            self.on("GET", f"{BASE}/videos/models", Operation.OTHER, self._models),
            self.on("GET", job, Operation.STATUS, self.poll),
            self.on("GET", f"{job}/content", Operation.ASSET, self._content),
        )

    def new_id(self) -> str:
        """As OpenRouter's are."""
        return f"gen-vid-1790000000-{super().new_id().replace('-', '')[:20]}"

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A request for any model."""
        del request
        for name in ("model", "prompt"):
            if not isinstance(wish.get(name), str) or not wish[name].strip():
                raise self.refused(400, f"{name}: Required")
        given: dict[str, Any] = {
            name: wish[name] for name in ("frame_images", "input_references") if name in wish
        }
        if any(each.get("type") != "image_url" for listed in given.values() for each in listed):
            raise self.refused(400, "only image_url is supported")
        details = {"model": wish["model"], "audio": wish.get("generate_audio"), **given}
        return Asked(
            wish["prompt"],
            str(wish.get("aspect_ratio") or ""),
            str(wish.get("duration") or ""),
            str(wish.get("resolution") or ""),
            details,
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The job, with a relative address to poll."""
        return self.answer(self._video(request, job, JobState.QUEUED), 202)

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The job."""
        return self.answer(self._video(request, job, state))

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """The code is the HTTP status."""
        return error(status, message, {}, headers)

    def moderation_answer(self) -> Answer:
        """403, which without the metadata would be the key's."""
        return error(403, "Input was refused", {"reasons": ["violence"], "flagged_input": "..."})

    def _video(self, request: web.Request, job: Job, state: JobState) -> dict[str, Any]:
        path = f"/openrouter{BASE}/videos/{job.id}"
        told: dict[str, Any] = {"id": job.id, "polling_url": path, "status": STATUSES[state]}
        word = job.word(state)
        if word != str(state):
            told["status"] = word
        if state is JobState.FAILED:
            is_moderated = job.has(Effect.MODERATED)
            told["error"] = REFUSED_PROMPT if is_moderated else job.reason or "Provider error"
        if state is JobState.FINISHED:
            url = f"{request.scheme}://{request.host}{path}/content?index=0"
            told |= {
                "generation_id": job.id,
                "unsigned_urls": [url],
                "usage": {"cost": COST_USD, "is_byok": False},
            }
        return told

    async def _models(self, _request: web.Request, _recorded: RecordedRequest) -> Plan:
        return Plan(lambda: Result(self.answer({"data": MODELS})), None)

    async def _content(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        return await self.file_of(recorded, request.match_info["id"])


def error(
    status: int, message: str, metadata: dict[str, Any], headers: dict[str, str] | None = None
) -> Answer:
    """An error of OpenRouter's."""
    told = {"code": status, "message": message, **({"metadata": metadata} if metadata else {})}
    body = json_answer({"error": told}, status)
    return Answer(body.body, status, body.content_type, headers or {})
