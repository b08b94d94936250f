"""The key-based API on the stand-in: its paths, its error table and its requests a minute."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from reelgate.rendering.clip import make_clip
from reelgate.sandbox.fault_rule import UnknownFaultError, find_directives
from reelgate.sandbox.faults import Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.recorder import Outcome, RecordedRequest
from reelgate.sandbox.routes import Plan, RefusedError, Routes, read_form_parts
from reelgate.sandbox.submission import Submission
from reelgate.sandbox.wire import Answer, BadFormError, Result, json_answer, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelgate.sandbox.jobs import Job

WINDOW_S = 60.0
STATUSES: Mapping[int, int] = {
    1000: 400,
    1001: 401,
    1002: 406,
    1100: 400,
    1101: 402,
    1103: 400,
    1202: 429,
}


class KeyRefusedError(RefusedError):
    """A refusal by the key-based API's table of codes."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(STATUSES[code], message)
        body = {"status": "error", "code": code, "error": message, "message": message}
        self.answer = json_answer(body, STATUSES[code])


@dataclass(frozen=True, slots=True)
class KeyRoutes(Routes):
    """The endpoints below `/v2`; jobs, credits and faults are the same account's."""

    recent: deque[float] = field(default_factory=deque)

    def table(self) -> list[web.RouteDef]:
        """The routes."""
        handler = self._handler
        return [
            web.post("/v2/video/text-to-video", handler(Operation.SUBMIT, self._key_submit)),
            web.post("/v2/video/image-to-video", handler(Operation.SUBMIT, self._key_submit)),
            web.get("/v2/assets/{id}/status", handler(Operation.STATUS, self._key_status)),
            web.get("/v2/video/status/{id}", handler(Operation.STATUS, self._key_status)),
            web.delete("/v2/video/delete/{id}", handler(Operation.OTHER, self._key_delete)),
        ]

    async def _key_submit(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self._admit(request)
        try:
            form = await read_form_parts(request)
            parts = texts([part for part in form if not part.is_file])
        except BadFormError as error:
            raise KeyRefusedError(1100, str(error)) from error
        variation = request.path.rpartition("/")[2].replace("-", "_")
        files = [part.name for part in form if part.is_file]
        if files != (["file"] if variation == "image_to_video" else []):
            raise KeyRefusedError(1100, "an image-to-video takes one file, the other takes none")
        prompt, style, ratio = (
            next(iter(parts.get(name, ())), "") for name in ("prompt", "style", "aspect_ratio")
        )
        recorded.prompt = prompt
        if not style:
            raise KeyRefusedError(1103, "No style was provided.")
        try:
            clip = make_clip(prompt, ratio=ratio, duration="", resolution="")
            directives = find_directives(prompt)
        except (ValueError, UnknownFaultError) as error:
            raise KeyRefusedError(1100, str(error)) from error
        submission = Submission(clip, variation, style, "", "", "")
        rule = self.provider.faults.take(Operation.SUBMIT, prompt, directives)

        def perform() -> Result:
            done = self.provider.submit(submission, directives)
            if done.outcome is not Outcome.ACCEPTED:
                refused = KeyRefusedError(1101, "not enough credits")
                return Result(refused.answer, Outcome.REFUSED)
            return replace(done, answer=json_answer({"id": done.id, "status": "processing"}))

        return Plan(perform, rule)

    async def _key_status(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self._admit(request)
        job = self._job(request, recorded)
        is_old_path = request.path.startswith("/v2/video/")
        if job is None or is_old_path is not self.provider.options.key_old_status:
            missing = Result(json_answer({"status": "error", "message": "not found"}, 404))
            return Plan(lambda: missing, None)
        url = f"{request.scheme}://{request.host}/processed/{job.id}"
        rule = self.provider.faults.take(Operation.STATUS, job.id, job.rules)
        return Plan(partial(self._told, job, url), rule)

    def _told(self, job: Job, url: str) -> Result:
        state = self.provider.state(job)
        urls: object = [url] if self.provider.options.key_url_lists else url
        video: dict[str, object] = {"uuid": job.id, "status": job.word(state)}
        video["created_at"] = job.accepted_at
        if state is JobState.FINISHED:
            video["url"] = {"generation": urls, "thumbnail": urls}
        status = "error" if state is JobState.FAILED else "success"
        return Result(json_answer({"status": status, "video": video}), Outcome.ANSWERED, job.id)

    async def _key_delete(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self._admit(request)
        if self._job(request, recorded) is None:
            missing = Result(json_answer({"status": "error", "message": "not found"}, 404))
            return Plan(lambda: missing, None)
        done = Result(json_answer({"message": "video deleted", "status": "success"}))
        return Plan(lambda: done, None)

    def _admit(self, request: web.Request) -> None:
        """Check the key, and that no more than the limit came within a minute.

        Raises:
            KeyRefusedError: by the table of codes.
        """
        authorization = request.headers.get("Authorization")
        if not authorization:
            raise KeyRefusedError(1000, "bearer token is missing")
        if authorization.endswith(" expired"):
            raise KeyRefusedError(1002, "token has expired")
        if not self.provider.account.accepts(authorization):
            raise KeyRefusedError(1001, "token is invalid")
        now = self.provider.clock.now()
        while self.recent and self.recent[0] <= now - WINDOW_S / self.provider.options.speed:
            self.recent.popleft()
        if len(self.recent) >= self.provider.options.key_requests_per_minute:
            refused = KeyRefusedError(1202, "too many requests")
            limit = str(self.provider.options.key_requests_per_minute)
            refused.answer = with_headers(refused.answer, {"x-ratelimit-limit": limit})
            raise refused
        self.recent.append(now)


def with_headers(answer: Answer, headers: dict[str, str]) -> Answer:
    """The answer with more headers."""
    return replace(answer, headers={**answer.headers, **headers})
