"""The provider's own endpoints: what each operation does when nothing strikes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from reelgate.sandbox.account import CANVAS_ID, FOLDER_ID, ORG_ID, Account
from reelgate.sandbox.answers import Answer, error_answer, json_answer
from reelgate.sandbox.clip import shrink
from reelgate.sandbox.fault_desk import FaultDesk
from reelgate.sandbox.faults import Effect, Strike
from reelgate.sandbox.jobs import Job, JobBook, JobState, WallClock, plan
from reelgate.sandbox.recorder import Outcome, Recorder
from reelgate.sandbox.renderer import Renderer, RenderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reelgate.sandbox.options import SandboxOptions
    from reelgate.sandbox.submission import Submission

IMAGE_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


@dataclass(frozen=True, slots=True)
class Done:
    """An operation's answer, what became of it, and the id it made or was about."""

    answer: Answer
    outcome: Outcome = Outcome.ANSWERED
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """The stand-in's state and its operations; all of them are quick and touch no network."""

    options: SandboxOptions
    account: Account
    jobs: JobBook
    renderer: Renderer
    desk: FaultDesk
    recorder: Recorder
    clock: WallClock
    uploads: Path

    def submit(self, submission: Submission, directives: tuple[Strike, ...]) -> Done:
        """Accept a job if the credits suffice, and begin to render it."""
        if not self.account.charge(submission.cost):
            return Done(error_answer(402, "insufficient credits"), Outcome.REFUSED)
        job = self._job(submission, directives)
        self.jobs.add(job)
        if job.will_finish:
            self.renderer.start(job.clip)
        body = {"batchId": job.batch_id, "cost": job.cost, "id": job.id, "status": "success"}
        return Done(json_answer(body), Outcome.ACCEPTED, job.id)

    def status(self, job: Job | None, asset_url: str) -> Done:
        """Tell a job's state; done is a non-empty `assets[].url.generation`."""
        if job is None:
            return Done(error_answer(404, "asset not found"), Outcome.UNKNOWN)
        state = self.state(job)
        urls = [asset_url] if state is JobState.FINISHED else []
        word = job.word(state)
        asset = {
            "status": word,
            "url": {"generation": urls, "thumbnail": [], "processed": urls},
            "asset_metadata": {},
        }
        assets = [] if state in {JobState.QUEUED, JobState.FAILED} else [asset]
        body: dict[str, object] = {"status": word, "assets": assets}
        if state is JobState.FAILED and job.reason:
            body["errorMessage"] = job.reason
        return Done(json_answer(body), _OUTCOMES[state], job.id)

    async def asset(self, asset_id: str) -> Done:
        """Serve a finished clip or an uploaded image; anything else is not there (yet)."""
        job = self.jobs.get(asset_id)
        if job is None:
            return self._uploaded(asset_id)
        state = self.state(job)
        if state is not JobState.FINISHED:
            status = 403 if job.has(Effect.NOT_READY_403) else 404
            return Done(error_answer(status, "not found"), _OUTCOMES[state], job.id)
        try:
            path = await self.renderer.file(job.clip)
        except RenderError:
            return Done(error_answer(404, "not found"), Outcome.FAILED, job.id)
        return Done(Answer(path, content_type="video/mp4"), Outcome.READY, job.id)

    def state(self, job: Job) -> JobState:
        """Tell a job's state now, and see to it that a clip that is due gets rendered."""
        if self.renderer.error(job.clip) is not None:
            return JobState.FAILED
        now = self.clock.now()
        rendered = self.renderer.is_rendered(job.clip)
        if job.is_due(now) and not rendered:
            self.renderer.start(job.clip)
        return job.state_at(now, rendered=rendered)

    def refresh(self, authorization: str | None) -> Done:
        """Rotate both tokens."""
        pair = self.account.rotate(authorization)
        if pair is None:
            return Done(error_answer(401, "refresh token is dead"), Outcome.REFUSED)
        return Done(json_answer({"result": {"sessionToken": pair[0], "refreshToken": pair[1]}}))

    def credit(self) -> Done:
        """Tell what is left."""
        return Done(json_answer({"total": self.account.credits, "tokens": self.account.credits}))

    def organisations(self) -> Done:
        """List the account's one organisation."""
        return Done(json_answer({"data": [{"id": ORG_ID, "name": "Sandbox"}]}))

    def folders(self) -> Done:
        """List what can be a parent: one folder and one canvas."""
        folder = {"id": FOLDER_ID, "title": "Sandbox folder", "category": "folder"}
        canvas = {"id": CANVAS_ID, "name": "Sandbox canvas", "category": "canvas"}
        return Done(json_answer({"data": [folder, canvas]}))

    def upload(self, image: bytes, content_type: str, asset_base: str) -> Done:
        """Keep a reference image and tell where it is."""
        suffix = IMAGE_SUFFIXES.get(content_type)
        if suffix is None:
            allowed = ", ".join(IMAGE_SUFFIXES)
            return Done(error_answer(400, f"file must be one of {allowed}"), Outcome.REFUSED)
        image_id = str(uuid4())
        self.uploads.mkdir(parents=True, exist_ok=True)
        (self.uploads / f"{image_id}{suffix}").write_bytes(image)
        body = {"url": {"processed": [f"{asset_base}/{image_id}"]}}
        return Done(json_answer(body), Outcome.ANSWERED, image_id)

    def _job(self, submission: Submission, directives: tuple[Strike, ...]) -> Job:
        strikes = (*directives, *self.desk.take_shaping())
        now = self.clock.now()
        nth = self.jobs.count(submission.clip.prompt)
        schedule = plan(submission.clip, strikes, self.options, now=now, nth=nth)
        return Job(
            id=str(uuid4()),
            batch_id=str(uuid4()),
            placeholder_uuid=submission.placeholder_uuid,
            clip=shrink(submission.clip, self.options.max_short_side_px),
            variation=submission.variation,
            org_id=submission.org_id,
            parent_id=submission.parent_id,
            cost=submission.cost,
            accepted_at=now,
            ready_at=schedule.ready_at,
            fails_at=schedule.fails_at,
            strikes=strikes,
        )

    def _uploaded(self, asset_id: str) -> Done:
        for content_type, suffix in IMAGE_SUFFIXES.items():
            path = self.uploads / f"{asset_id}{suffix}"
            if path.parent == self.uploads and path.is_file():
                return Done(Answer(path, content_type=content_type), Outcome.READY, asset_id)
        return Done(error_answer(404, "not found"), Outcome.UNKNOWN)


_OUTCOMES: Mapping[JobState, Outcome] = {
    JobState.QUEUED: Outcome.RENDERING,
    JobState.GENERATING: Outcome.RENDERING,
    JobState.FINISHED: Outcome.READY,
    JobState.FAILED: Outcome.FAILED,
}
