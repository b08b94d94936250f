"""A stand-in for Veo at the Gemini API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.vendor import EXPIRED_KEY, Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TAKEN = frozenset(
    {
        *("aspectRatio", "durationSeconds", "resolution", "negativePrompt"),
        *("personGeneration", "sampleCount", "enhancePrompt"),
    }
)
"""The parameters; what only Vertex AI takes is refused, `seed` and `generateAudio` among it."""
DURATIONS_S = (4, 6, 8)
LARGE = frozenset({"1080p", "4k"})
INTERNAL = 13
"""In google.rpc.Code."""
AUDIO_REASON = (
    "We encountered an issue with the audio for your prompt, which means we could not create your"
    " video. You have not been charged for this attempt."
)
PROMPT_REASON = "Veo could not generate 1 videos based on the prompt provided."


class GeminiRoutes(VendorRoutes):
    """Operations that are known by name; files that only the key opens."""

    vendor: ClassVar[str] = "gemini"
    file_path: ClassVar[str] = "/v1beta/files/{file}:download"
    files_need_key: ClassVar[bool] = True

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Below the version, as there."""
        model = "/v1beta/models/{model}"
        return (
            self.on("POST", f"{model}:predictLongRunning", Operation.SUBMIT, self.submit),
            self.on("GET", f"{model}/operations/{{id}}", Operation.STATUS, self.poll),
        )

    def new_id(self) -> str:
        """Of letters and digits, as the ids of files are; the store knows digits alone as UUIDs."""
        return f"v{uuid4().hex[:11]}"

    def key_of(self, request: web.Request) -> str:
        """In a header; the real one takes `?key=` as well, which nobody ought to send."""
        return request.headers.get("x-goog-api-key", "")

    def need_key(self, request: web.Request) -> None:
        """A key that is not valid is a bad request there, and none at all is forbidden."""
        key = self.key_of(request)
        if not key:
            message = "Method doesn't allow unregistered callers."
            raise self.refused(403, message)
        if key == EXPIRED_KEY or not self.provider.account.accepts(f"Bearer {key}"):
            raise self.refused_with(bad_key())

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """One instance and its parameters."""
        instances, parameters = wish.get("instances"), wish.get("parameters") or {}
        if not isinstance(instances, list) or not instances or not isinstance(instances[0], dict):
            raise self.refused(400, "instances must hold one object")
        prompt = instances[0].get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise self.refused(400, "prompt is required")
        if unknown := sorted(parameters.keys() - TAKEN):
            raise self.refused(400, f"`{unknown[0]}` isn't supported by this model.")
        for name in ("image", "lastFrame"):
            if name in instances[0] and "mimeType" not in instances[0][name]:
                raise self.refused(400, f"`{name}` needs bytesBase64Encoded and mimeType.")
        duration_s = parameters.get("durationSeconds", 8)
        if duration_s not in DURATIONS_S:
            raise self.refused(400, "durationSeconds must be 4, 6 or 8")
        if parameters.get("resolution") in LARGE and duration_s != DURATIONS_S[-1]:
            raise self.refused(400, "this resolution wants a duration of 8 seconds")
        return Asked(
            prompt,
            str(parameters.get("aspectRatio") or ""),
            str(duration_s),
            str(parameters.get("resolution") or ""),
            {"model": request.match_info["model"]},
        )

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The operation's name, and nothing else."""
        del request
        return self.answer({"name": name_of(job)})

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """`done` is not there until the end; what was filtered is done, and has no sample."""
        operation: dict[str, Any] = {"name": name_of(job)}
        if state not in {JobState.FINISHED, JobState.FAILED}:
            return self.answer(operation)
        operation["done"] = True
        if state is JobState.FINISHED:
            video = {"uri": f"{self.file_url(request, job)}?alt=media"}
            response = {"generateVideoResponse": {"generatedSamples": [{"video": video}]}}
            return self.answer(operation | {"response": response})
        if job.has(Effect.MODERATED):
            return self.answer(operation | {"response": self._filtered(job)})
        error = {"code": INTERNAL, "message": job.reason or "Internal error."}
        return self.answer(operation | {"error": error})

    def _filtered(self, job: Job) -> dict[str, Any]:
        """Where the Gemini API tells it, and where Vertex AI and some gateways do."""
        if self.is_moderated(job, "result"):
            return {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": [PROMPT_REASON]}
        told = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": [AUDIO_REASON]}
        return {"generateVideoResponse": told}

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """A status of google.rpc.Code beside the HTTP status."""
        error = {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}
        body = json_answer({"error": error}, status)
        return Answer(body.body, status, body.content_type, headers or {})

    def moderation_answer(self) -> Answer:
        """A bad request that only its sentence tells from others."""
        message = (
            "The prompt could not be submitted. It contains words that violate our usage"
            " guidelines."
        )
        return self.error_answer(400, message)


def name_of(job: Job) -> str:
    """The name of a job's operation."""
    return f"models/{job.details['model']}/operations/{job.id}"


def bad_key() -> Answer:
    """The answer to a key that is not valid."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [detail],
    }
    return json_answer({"error": error}, 400)
