"""A stand-in for Replicate."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from aiohttp import web

from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.recorder import Outcome
from reelgate.sandbox.routes import Plan, read_form_parts
from reelgate.sandbox.vendor import Asked, VendorRoutes
from reelgate.sandbox.wire import Answer, BadFormError, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

PAGE = 100
FILE_LASTS_S = 86_400.0
DATA_LASTS_S = 3600.0
"""After that inputs, outputs and logs are removed."""
VERSION = re.compile(r"(?:(?P<name>[\w.-]+/[\w.-]+)(?::(?P<of_name>[0-9a-f]{64}))?|[0-9a-f]{64})")
DEADLINE = re.compile(r"(?:\d+h)?(?:\d+m)?(?:\d+s?)?")
SENSITIVE = "The input or output was flagged as sensitive. Please try again. (E005)"
STATUSES = {
    JobState.QUEUED: "starting",
    JobState.GENERATING: "processing",
    JobState.FINISHED: "succeeded",
    JobState.FAILED: "failed",
}


class ReplicateRoutes(VendorRoutes):
    """Predictions, and a list of them with their inputs."""

    vendor: ClassVar[str] = "replicate"
    files_need_key: ClassVar[bool] = True

    def endpoints(self) -> Iterable[web.RouteDef]:
        """Official models by their path, all others by their version."""
        predictions = "/v1/predictions"
        by_path = "/v1/models/{owner}/{name}/predictions"
        return (
            self.on("POST", by_path, Operation.SUBMIT, self.submit),
            self.on("POST", predictions, Operation.SUBMIT, self.submit),
            self.on("POST", "/v1/files", Operation.UPLOAD, self._upload),
            self.on("GET", predictions, Operation.LIST, self._list),
            self.on("GET", f"{predictions}/{{id}}", Operation.STATUS, self.poll),
            self.on("POST", f"{predictions}/{{id}}/cancel", Operation.OTHER, self._cancel),
        )

    def new_id(self) -> str:
        """26 letters and digits."""
        return f"r{uuid4().hex[:25]}"

    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """A model's own input, beside its version where that is not in the path."""
        given = wish.get("input")
        prompt = given.get("prompt") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(prompt, str) or not prompt.strip():
            raise self.refused(422, "- input: prompt is required")
        if not DEADLINE.fullmatch(request.headers.get("Cancel-After", "")):
            raise self.refused(422, "Cancel-After is no duration")
        webhook = wish.get("webhook")
        if webhook is not None and not str(webhook).startswith("https://"):
            raise self.refused(422, "- webhook: must be an HTTPS URL")
        return Asked(
            prompt,
            str(given.get("aspect_ratio") or ""),
            str(given.get("duration") or ""),
            str(given.get("resolution") or ""),
            {**self._model(request, wish), "input": given},
        )

    def _model(self, request: web.Request, wish: dict[str, Any]) -> dict[str, str]:
        if "name" in request.match_info:
            if "version" in wish:
                raise self.refused(422, "- version: not allowed for an official model")
            name = f"{request.match_info['owner']}/{request.match_info['name']}"
            return {"model": name, "version": "hidden"}
        found = VERSION.fullmatch(str(wish.get("version") or ""))
        if found is None:
            raise self.refused(422, "- version is required")
        version = found["of_name"] or (found[0] if found["name"] is None else "hidden")
        return {"model": found["name"] or "someone/model", "version": version}

    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The prediction, which has not begun."""
        return self.answer(self._prediction(request, job, JobState.QUEUED), 201)

    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The prediction."""
        return self.answer(self._prediction(request, job, state))

    def _prediction(self, request: web.Request, job: Job, state: JobState) -> dict[str, Any]:
        base = f"{request.scheme}://{request.host}/replicate/v1/predictions/{job.id}"
        is_over = state in {JobState.FINISHED, JobState.FAILED}
        is_removed = is_over and self.provider.clock.now() > job.accepted_at + DATA_LASTS_S
        told = {
            "id": job.id,
            "model": job.details["model"],
            "version": job.details["version"],
            "status": "canceled" if job.id in self.cancelled else STATUSES[state],
            "input": {} if is_removed else job.details["input"],
            "output": None,
            "error": None,
            "logs": " 45%|####      | 9/20 [00:09<00:11]\n" if state is JobState.GENERATING else "",
            "metrics": {"predict_time": 1.5} if is_over else {},
            "created_at": iso(job.accepted_at),
            "started_at": None if state is JobState.QUEUED else iso(job.accepted_at),
            "completed_at": iso(self.provider.clock.now()) if is_over else None,
            "data_removed": is_removed,
            "source": "api",
            "urls": {"get": base, "cancel": f"{base}/cancel"},
        }
        if state is JobState.FINISHED and not is_removed:
            told["output"] = self.file_url(request, job)
        if state is JobState.FAILED and job.id not in self.cancelled:
            reason = job.reason or "Prediction failed for an unknown reason. (E1000)"
            told["error"] = SENSITIVE if job.has(Effect.MODERATED) else reason
        return told

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """RFC 7807."""
        title = {401: "Unauthenticated", 402: "Insufficient credit", 422: "Invalid input"}
        problem = {"title": title.get(status, "Error"), "detail": message, "status": status}
        body = json_answer(problem, status)
        return Answer(body.body, status, "application/problem+json", headers or {})

    def moderation_answer(self) -> Answer:
        """A sentence of the model."""
        return self.error_answer(422, SENSITIVE)

    async def _upload(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        """A file for an input, in the part `content`; what is in it does not show in the clip."""
        self.need_key(request)
        try:
            parts = {part.name: part for part in await read_form_parts(request)}
        except BadFormError as error:
            raise self.refused(400, str(error)) from error
        if "content" not in parts or not parts["content"].is_file:
            raise self.refused(422, "- content: a file is required")
        file, made = parts["content"], self.new_id()
        url = f"{request.scheme}://{request.host}/replicate/v1/files/{made}"
        told = {
            "id": made,
            "name": "content",
            "content_type": file.content_type,
            "size": len(file.body),
            "etag": made,
            "checksums": {"sha256": sha256(file.body).hexdigest()},
            "metadata": {},
            "created_at": iso(self.provider.clock.now()),
            "expires_at": iso(self.provider.clock.now() + FILE_LASTS_S),
            "urls": {"get": url},
        }
        rule = self.provider.faults.take(Operation.UPLOAD, "", ())
        return Plan(lambda: Result(json_answer(told, 201), Outcome.ANSWERED, made), rule)

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        rule = self.provider.faults.take(Operation.LIST, "", ())
        return Plan(partial(self._listed, request), rule)

    def _listed(self, request: web.Request) -> Result:
        """The newest first, a hundred a page, with their inputs."""
        query = request.query
        after, before = (unix(query.get(f"created_{each}", "")) for each in ("after", "before"))
        asked = [
            job
            for job in self.newest()
            if (after is None or job.accepted_at >= after)
            and (before is None or job.accepted_at < before)
        ]
        start = int(query.get("cursor", "0"))
        page = asked[start : start + PAGE]
        following = request.url.update_query(cursor=str(start + PAGE))
        results = [self._prediction(request, job, self.state(job)) for job in page]
        more = str(following) if len(asked) > start + PAGE else None
        return Result(json_answer({"next": more, "previous": None, "results": results}))

    async def _cancel(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self.need_key(request)
        job = self.find(request.match_info["id"])
        recorded.id = job.id

        def perform() -> Result:
            if self.state(job) not in {JobState.FINISHED, JobState.FAILED}:
                self.cancelled.add(job.id)
            told = self._prediction(request, job, self.state(job))
            return Result(json_answer(told), Outcome.ANSWERED, job.id)

        return Plan(perform, None)


def iso(moment: float) -> str:
    """A Unix time as ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def unix(told: str) -> float | None:
    """ISO 8601 as a Unix time; None where it is none."""
    try:
        return datetime.fromisoformat(told).timestamp()
    except ValueError:
        return None
