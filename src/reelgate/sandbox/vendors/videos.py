"""A stand-in for servers that speak OpenAI's Videos API.

`{url}/videos/v1` takes JSON and forms; `{url}/videos/forms/v1` forms only, as vLLM-Omni does; and
`{url}/videos/wrapped/v1` puts each video object into another, as new-api does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

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

BASES = ("/v1", "/forms/v1", "/wrapped/v1")
MODELS = ("wan-2.2", "hunyuan-video")
STATUSES = {
    JobState.QUEUED: "queued",
    JobState.GENERATING: "in_progress",
    JobState.FINISHED: "completed",
    JobState.FAILED: "failed",
}
TOLD = ("model", "seconds", "size", "idempotency_key", "body")
CHANGES: dict[str, set[str]] = {"edits": set(), "extensions": {"seconds"}}
"""The routes that make a video of another one, and what they want beside it and the prompt."""
MAX_LISTED = 100


class VideosRoutes(VendorRoutes):
    """OpenAI's Videos API, and two dialects of it."""

    vendor: ClassVar[str] = "videos"

    def endpoints(self) -> Iterable[web.RouteDef]:
        """The same below each base."""
        for base in BASES:
            job = f"{base}/videos/{{id}}"
            yield self.on("POST", f"{base}/videos", Operation.SUBMIT, self.submit)
            for change in CHANGES:
                yield self.on("POST", f"{base}/videos/{change}", Operation.SUBMIT, self.submit)
            yield self.on("POST", f"{base}/videos/characters", Operation.OTHER, self._character)
            yield self.on("GET", f"{base}/videos", Operation.OTHER, self._list)
            yield self.on("GET", job, Operation.STATUS, self.poll)
            yield self.on("GET", f"{job}/content", Operation.ASSET, self._content)
            yield self.on("DELETE", job, Operation.OTHER, self._delete)
            yield self.on("GET", f"{base}/models", Operation.OTHER, self._models)

    def new_id(self) -> str:
        """As OpenAI's are."""
        return f"video_{super().new_id().replace('-', '')}"

    async def read_body(self, request: web.Request) -> dict[str, Any]:
        """A JSON object or a form, which vLLM-Omni reads whatever the body is.

        Raises:
            RefusedError: it is none.
        """
        if request.content_type == "multipart/form-data":
            return dict(await request.post())
        if "/forms/" in request.path:
            missing = "[{'type': 'missing', 'loc': ('body', 'prompt'), 'msg': 'Field required'}]"
            raise self.refused(400, missing)
        return await super().read_body(request)

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """OpenAI's fields; those of vLLM-Omni and SGLang are taken as they are."""
        prompt = wish.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise self.refused(400, "prompt must not be empty")
        change = request.path.rpartition("/")[2]
        source = self._source_of(wish, change) if change in CHANGES else {}
        size, seconds = str(wish.get("size") or ""), str(wish.get("seconds") or "")
        wide, _, high = size.partition("x")
        if size and not (wide.isdecimal() and high.isdecimal()):
            raise self.refused(400, f"size {size!r} is not WIDTHxHEIGHT")
        ratio, resolution = str(wish.get("aspect_ratio") or ""), str(wish.get("resolution") or "")
        if size:
            ratio, resolution = f"{wide}:{high}", f"{min(int(wide), int(high))}p"
        details = {
            "model": str(wish.get("model") or MODELS[0]),
            "seconds": seconds or "5",
            "size": size or "1280x720",
            "idempotency_key": request.headers.get("Idempotency-Key", ""),
            "body": request.content_type,
            "picture": describe(wish.get("input_reference")),
            **source,
        }
        return Asked(prompt, ratio, seconds, resolution, details)

    def _source_of(self, wish: dict[str, Any], change: str) -> dict[str, Any]:
        """The video that is changed: a file, or a finished one by its id.

        Raises:
            RefusedError: there is none, or something else is said that the route does not take.
        """
        if unknown := wish.keys() - {"prompt", "video", "video[id]", *CHANGES[change]}:
            raise self.refused(400, f"Unknown parameter: {min(unknown)!r}.")
        if missing := CHANGES[change] - wish.keys():
            raise self.refused(400, f"Missing required parameter: {min(missing)!r}.")
        video = wish.get("video")
        if isinstance(video, web.FileField):
            return {"change": change, "source": video.content_type}
        video_id = wish.get("video[id]") or (video.get("id") if isinstance(video, dict) else None)
        if not isinstance(video_id, str):
            raise self.refused(400, "video must be a file or have an id")
        source = self.find(video_id)
        if self.provider.state(source) is not JobState.FINISHED:
            raise self.refused(400, f"video {video_id} is not completed")
        return {"change": change, "source": video_id, "model": source.details["model"]}

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The video object, queued."""
        return self._answer_with(request, self._video(job, JobState.QUEUED))

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The video object."""
        return self._answer_with(request, self._video(job, state))

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """OpenAI's error."""
        return self._error(status, message, "invalid_request_error", headers)

    def moderation_answer(self) -> Answer:
        """OpenAI's error, with the code that says so."""
        return self._error(400, REFUSED_PROMPT, "moderation_blocked")

    def _error(
        self, status: int, message: str, code: str, headers: dict[str, str] | None = None
    ) -> Answer:
        error = {"message": message, "type": "invalid_request_error", "code": code, "param": None}
        body = json_answer({"error": error}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    def _video(self, job: Job, state: JobState) -> dict[str, Any]:
        is_moderated = job.has(Effect.MODERATED)
        word = job.word(state)
        code = "moderation_blocked" if is_moderated else "generation_failed"
        is_over = state is JobState.FAILED
        if is_over and self.is_moderated(job, "result"):
            word = "completed"
        reason = REFUSED_PROMPT if is_moderated else job.reason or "The generation failed."
        percent = {JobState.QUEUED: 0, JobState.GENERATING: 50}.get(state, 100)
        return {
            "id": job.id,
            "object": "video",
            "status": STATUSES[state] if word == str(state) else word,
            "progress": percent,
            "created_at": int(job.accepted_at),
            "prompt": job.clip.prompt,
            **{name: job.details.get(name) for name in ("model", "seconds", "size")},
            "error": {"code": code, "message": reason} if is_over else None,
        }

    def _answer_with(self, request: web.Request, video: dict[str, Any]) -> Answer:
        if "/wrapped/" not in request.path:
            return self.answer(video)
        return self.answer({"code": "success", "message": "", "data": video})

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        jobs = [job for job in self.newest() if not job.has(Effect.FORGOTTEN)]
        after = request.query.get("after")
        ids = [job.id for job in jobs]
        page = jobs[ids.index(after) + 1 :] if after in ids else jobs
        page = page[: min(int(request.query.get("limit", "20")), MAX_LISTED)]
        body = {
            "object": "list",
            "data": [self._video(job, self.provider.state(job)) for job in page],
            "has_more": bool(page) and page[-1] is not jobs[-1],
        }
        return Plan(lambda: Result(self.answer(body)), None)

    async def _character(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        wish = await self.read_body(request)
        if unknown := wish.keys() - {"name", "video"}:
            raise self.refused(400, f"Unknown parameter: {min(unknown)!r}.")
        video, name = wish.get("video"), wish.get("name")
        if not isinstance(video, web.FileField) or not isinstance(name, str):
            raise self.refused(400, "name and a video file are required")
        created_at = int(self.provider.clock.now())
        body = {"id": f"char_{uuid4().hex}", "created_at": created_at, "name": name}
        return Plan(lambda: Result(self.answer(body)), None)

    async def _content(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        if self.provider.state(job) is not JobState.FINISHED:
            raise self.refused(409, "the video is not ready")
        return await self.file_of(recorded, job.id)

    async def _delete(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        body = {"id": job.id, "object": "video.deleted", "deleted": True}
        return Plan(lambda: Result(self.answer(body)), None)

    async def _models(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        data = [{"id": name, "object": "model", "owned_by": "sandbox"} for name in MODELS]
        return Plan(lambda: Result(self.answer({"object": "list", "data": data})), None)


def describe(reference: object) -> str:
    """What came as the reference: a file's type, or the text."""
    if isinstance(reference, web.FileField):
        return reference.content_type
    return reference if isinstance(reference, str) else json.dumps(reference)
