"""What the stand-ins for other vendors than imagine.art have in common.

Each is an API below a path of the sandbox's own: `{url}/fal`, `{url}/replicate`, ... Jobs, rendered
clips, faults and the record are the sandbox's; a vendor says how requests are read and how answers
are told.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from aiohttp import ClientError, ClientSession, web

from reelgate.rendering.clip import make_clip
from reelgate.sandbox.fault_rule import FaultRule, UnknownFaultError, find_directives
from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import JobState
from reelgate.sandbox.recorder import Outcome
from reelgate.sandbox.routes import Plan, RefusedError, Routes
from reelgate.sandbox.submission import Submission
from reelgate.sandbox.wire import Answer, Result, json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from reelgate.sandbox.jobs import Job
    from reelgate.sandbox.recorder import RecordedRequest

PUSH_CHECK_S = 0.05
"""How often a job that is to be pushed is looked at."""
EXPIRED_KEY = "expired"
"""A key that every vendor refuses."""
REFUSED_PROMPT = "The prompt was flagged by the safety system."


@dataclass(frozen=True, slots=True)
class Asked:
    """A submit that a vendor can carry out; empty words stand for its defaults.

    Attributes:
        prompt: what the video shows.
        ratio: as `16:9`.
        duration_s: as a number in a text; empty: the default.
        resolution: as `720p`.
        details: what is told of the request in answers.
        push_url: what is told once the job is over; empty: nothing.
    """

    prompt: str
    ratio: str = ""
    duration_s: str = ""
    resolution: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    push_url: str = ""


@dataclass(frozen=True, slots=True)
class VendorRoutes(Routes, ABC):
    """One vendor's API.

    Attributes:
        vendor: the first part of its paths, and what its jobs are known by.
        key_scheme: what comes before the key in `Authorization`.
        file_path: where its files are below that.
        files_need_key: whether they are served to the key alone.
        rotations: how many addresses each job's file has had.
        cancelled: the ids of the jobs that were stopped.
        pushes: those under way.
    """

    vendor: ClassVar[str]
    key_scheme: ClassVar[str] = "Bearer "
    file_path: ClassVar[str] = "/files/{file}.mp4"
    files_need_key: ClassVar[bool] = False
    rotations: Counter[str] = field(default_factory=Counter)
    cancelled: set[str] = field(default_factory=set)
    pushes: set[asyncio.Task[None]] = field(default_factory=set)

    # What a vendor says

    @abstractmethod
    def endpoints(self) -> Iterable[web.RouteDef]:
        """Its routes, made with `on`."""

    @abstractmethod
    def read_submit(self, request: web.Request, wish: dict[str, Any]) -> Asked:
        """What is asked for.

        Raises:
            RefusedError: made with `refused`, for what this vendor refuses.
        """

    @abstractmethod
    def accepted(self, request: web.Request, job: Job) -> Answer:
        """The answer to an accepted submit."""

    @abstractmethod
    def told(self, request: web.Request, job: Job, state: JobState) -> Answer:
        """The answer to a poll."""

    @abstractmethod
    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """An error in the vendor's own words."""

    def moderation_answer(self) -> Answer:
        """How a submit is refused by moderation."""
        return self.error_answer(400, REFUSED_PROMPT)

    def new_id(self) -> str:
        """The id of a new job."""
        return str(uuid4())

    # What all of them do alike

    def table(self) -> list[web.RouteDef]:
        """The routes."""
        return [*self.endpoints(), self.on("GET", self.file_path, Operation.ASSET, self._file)]

    def on(
        self,
        method: str,
        path: str,
        operation: Operation,
        read: Callable[[web.Request, RecordedRequest], Awaitable[Plan]],
    ) -> web.RouteDef:
        """A route below the vendor's own path."""
        return web.route(method, f"/{self.vendor}{path}", self._handler(operation, read))

    def refused(self, status: int, message: str) -> RefusedError:
        """A refusal in the vendor's own words."""
        return self.refused_with(self.error_answer(status, message))

    def refused_with(self, answer: Answer) -> RefusedError:
        """A refusal with this answer."""
        refusal = RefusedError(answer.status, "")
        refusal.answer = answer
        return refusal

    def key_of(self, request: web.Request) -> str:
        """The key of a request; empty where it carries none as this vendor wants it."""
        given = request.headers.get("Authorization", "")
        has_scheme = given.startswith(self.key_scheme)
        return given.removeprefix(self.key_scheme).strip() if has_scheme else ""

    def need_key(self, request: web.Request) -> None:
        """Check the key.

        Raises:
            RefusedError: there is none, or it is dead.
        """
        key = self.key_of(request)
        if key == EXPIRED_KEY or not self.provider.account.accepts(f"Bearer {key}"):
            raise self.refused(401, "the API key is missing or not valid")

    async def read_body(self, request: web.Request) -> dict[str, Any]:
        """The body of a submit: a JSON object.

        Raises:
            RefusedError: it is none.
        """
        try:
            wish = json.loads(await request.read())
        except ValueError:
            wish = None
        if not isinstance(wish, dict):
            raise self.refused(400, "the body must be a JSON object")
        return wish

    async def submit(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        """Take a submit."""
        self.need_key(request)
        asked = self.read_submit(request, await self.read_body(request))
        recorded.prompt = asked.prompt
        try:
            clip = make_clip(
                asked.prompt,
                ratio=asked.ratio,
                duration=asked.duration_s,
                resolution=asked.resolution,
            )
            directives = find_directives(asked.prompt)
        except (ValueError, UnknownFaultError) as error:
            raise self.refused(400, str(error)) from error
        if self.provider.faults.moderates(asked.prompt, directives):
            raise self.refused_with(self.moderation_answer())
        rule = self.provider.faults.take(Operation.SUBMIT, asked.prompt, directives)
        submission = Submission(clip, self.vendor, "", "", "", "")

        def perform() -> Result:
            job = self.provider.accept(
                submission,
                directives,
                job_id=self.new_id(),
                vendor=self.vendor,
                details=dict(asked.details),
            )
            if job is None:
                return Result(self.error_answer(402, "not enough credits"), Outcome.REFUSED)
            if asked.push_url:
                self._push_when_over(asked.push_url, job)
            return Result(self.accepted(request, job), Outcome.ACCEPTED, job.id)

        return Plan(perform, rule)

    async def poll(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        """Answer a poll of the job whose id is the `id` in the path."""
        self.need_key(request)
        return self.poll_of(request, recorded, request.match_info["id"])

    def poll_of(self, request: web.Request, recorded: RecordedRequest, job_id: str) -> Plan:
        """Answer a poll of a job.

        Raises:
            RefusedError: there is none, or it was forgotten.
        """
        job = self.find(job_id)
        recorded.id = job.id
        rule = self.provider.faults.take(Operation.STATUS, job.id, job.rules)
        return Plan(partial(self._told, request, job), rule)

    def find(self, job_id: str) -> Job:
        """A job of this vendor.

        Raises:
            RefusedError: there is none, or it was forgotten.
        """
        job = self.provider.jobs.get(job_id)
        if job is None or job.vendor != self.vendor:
            raise self.refused(404, "no such job")
        if job.is_past(Effect.FORGOTTEN, self.provider.clock.now()):
            raise self.refused(404, "no such job")
        return job

    def newest(self) -> list[Job]:
        """This vendor's jobs, the newest first."""
        own = (job for job in self.provider.jobs if job.vendor == self.vendor)
        return sorted(own, key=lambda job: job.accepted_at, reverse=True)

    def state(self, job: Job) -> JobState:
        """A job's state now; one that was stopped has failed."""
        return JobState.FAILED if job.id in self.cancelled else self.provider.state(job)

    def is_moderated(self, job: Job, at: str) -> bool:
        """Whether moderation stops a job in its end (`job`) or hides its result (`result`)."""
        return any(is_moderated(rule, at) for rule in job.rules)

    def file_url(self, request: web.Request, job: Job) -> str:
        """Where a job's file is; another address each time where a fault wants it so."""
        if job.has(Effect.ROTATES):
            self.rotations[job.id] += 1
        suffix = f".{self.rotations[job.id]}" if job.has(Effect.ROTATES) else ""
        path = self.file_path.format(file=f"{job.id}{suffix}")
        return f"{request.scheme}://{request.host}/{self.vendor}{path}"

    def answer(self, value: object, status: int = 200) -> Answer:
        """A JSON answer."""
        return json_answer(value, status)

    def _push_when_over(self, url: str, job: Job) -> None:
        """Tell an address, once, that a job is over."""

        async def push() -> None:
            # A state is computed when it is asked for: there is no event to wait for.
            while self.provider.state(job) not in {JobState.FINISHED, JobState.FAILED}:  # noqa: ASYNC110
                await asyncio.sleep(PUSH_CHECK_S)
            async with ClientSession() as session:
                # Whether it was heard is nothing that a vendor waits for.
                with suppress(ClientError):
                    await session.post(url, json={"id": job.id})

        task = asyncio.create_task(push())
        self.pushes.add(task)
        task.add_done_callback(self.pushes.discard)

    def _told(self, request: web.Request, job: Job) -> Result:
        state = self.state(job)
        outcome = {JobState.FINISHED: Outcome.READY, JobState.FAILED: Outcome.FAILED}.get(
            state, Outcome.RENDERING
        )
        return Result(self.told(request, job, state), outcome, job.id)

    async def _file(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        if self.files_need_key:
            self.need_key(request)
        job_id, _, rotation = request.match_info["file"].partition(".")
        return await self.file_of(recorded, job_id, rotation)

    async def file_of(
        self, recorded: RecordedRequest, job_id: str, rotation: str | None = None
    ) -> Plan:
        """Serve a job's file; `rotation` is which of its addresses was asked for, None: any.

        Raises:
            RefusedError: there is none (any more).
        """
        job = self.find(job_id)
        recorded.id = job.id
        is_stale = rotation not in {None, str(self.rotations[job.id] or "")}
        if is_stale or job.is_past(Effect.EXPIRES, self.provider.clock.now()):
            raise self.refused(404, "no such file")
        done = await self.provider.asset(job.id)
        if done.outcome is not Outcome.READY:
            return Plan(lambda: done, None)
        for operation in (Operation.DOWNLOAD, Operation.ASSET):
            rule = self.provider.faults.take(operation, job.id, job.rules)
            if rule is not None:
                return Plan(lambda: done, rule)
        return Plan(lambda: done, None)


def is_moderated(rule: FaultRule, at: str) -> bool:
    """Whether a fault is moderation in this place."""
    return rule.fault.effect is Effect.MODERATED and rule.text("at") == at
