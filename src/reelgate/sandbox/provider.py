"""The provider's account and endpoints: what each operation does without faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from reelgate.rendering.clip import shrink
from reelgate.rendering.renderer import Renderer, RenderError
from reelgate.sandbox.fault_injector import FaultInjector
from reelgate.sandbox.fault_rule import FaultRule
from reelgate.sandbox.faults import Effect
from reelgate.sandbox.grants import ORG_ID, Grants
from reelgate.sandbox.jobs import Job, JobState, JobStore, WallClock, plan
from reelgate.sandbox.recorder import Outcome, Recorder
from reelgate.sandbox.signin import SignIn
from reelgate.sandbox.wire import Answer, Result, error_answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reelgate.sandbox.options import SandboxOptions
    from reelgate.sandbox.submission import Submission

FOLDER_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/folder"))
CANVAS_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/canvas"))
BEARER = "bearer "


class Account:
    """Checks bearers, rotates tokens, counts credits."""

    def __init__(self, *, token: str | None, refresh_token: str | None, balance: int) -> None:
        self._sessions: set[str] | None = None if token is None else {token}
        self._refreshes: set[str] | None = None if refresh_token is None else {refresh_token}
        self.grants = Grants()
        self.sign_in = SignIn(self.grants)
        self.credits = balance

    def accepts(self, authorization: str | None) -> bool:
        """Whether an `Authorization` header carries a living session token."""
        token = _bearer(authorization)
        if self.grants.family_of(token) is not None:
            return self.grants.is_alive(token)
        return bool(token) and (self._sessions is None or token in self._sessions)

    def team_accepts(self, authorization: str | None) -> bool:
        """Whether the team API takes this living token too."""
        family = self.grants.family_of(_bearer(authorization))
        return family is None or family.team

    def set_token(self, token: str | None) -> None:
        """Let this token alone be accepted from now on; None accepts any."""
        self._sessions = None if token is None else {token}

    def expire(self) -> None:
        """Let every session token end now, those that were never given out here as well."""
        self.grants.expire()
        self._sessions = set()

    def rotate(self, authorization: str | None) -> tuple[str, str] | None:
        """Trade a refresh token for a new session and a new refresh token.

        The old refresh token is spent, and where one token alone was accepted it ends. Returns
        None when the refresh token is dead.
        """
        old = _bearer(authorization)
        if not old:
            return None
        known_only = self._refreshes is not None and old not in self._refreshes
        pair = self.grants.trade(old, known_only=known_only)
        if pair is None:
            return None
        self._sessions = None if self._sessions is None else set()
        self._refreshes = None if self._refreshes is None else set()
        return pair.session, pair.refresh

    def charge(self, cost: int) -> bool:
        """Take the cost of a submit; False, and nothing taken, if there is too little."""
        if cost > self.credits:
            return False
        self.credits -= cost
        return True


def _bearer(authorization: str | None) -> str:
    text = authorization or ""
    return text[len(BEARER) :].strip() if text.lower().startswith(BEARER) else ""


REFERENCE_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
}
"""The types that an upload may have; those of videos and sounds are assumed."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The stand-in's state and its operations; all of them are quick and touch no network."""

    options: SandboxOptions
    account: Account
    jobs: JobStore
    renderer: Renderer
    faults: FaultInjector
    recorder: Recorder
    clock: WallClock
    uploads: Path

    def submit(self, submission: Submission, directives: tuple[FaultRule, ...]) -> Result:
        """Accept a job if the credits suffice, and begin to render it."""
        job = self.accept(submission, directives)
        if job is None:
            return Result(error_answer(402, "insufficient credits"), Outcome.REFUSED)
        body = {"batchId": job.batch_id, "cost": job.cost, "id": job.id, "status": "success"}
        return Result(json_answer(body), Outcome.ACCEPTED, job.id)

    def accept(
        self,
        submission: Submission,
        directives: tuple[FaultRule, ...],
        *,
        job_id: str = "",
        vendor: str = "",
        details: dict[str, Any] | None = None,
    ) -> Job | None:
        """A new job that is paid for, and begins to render; None if the credits do not suffice."""
        if not self.account.charge(submission.cost):
            return None
        job = replace(self._job(submission, directives), vendor=vendor, details=dict(details or {}))
        if job_id:
            job = replace(job, id=job_id)
        self.jobs.add(job)
        if job.will_finish:
            self.renderer.start(job.clip)
        return job

    def status(self, job: Job | None, asset_url: str) -> Result:
        """A job's state; done is a non-empty `assets[].url.generation`."""
        if job is None:
            return Result(error_answer(404, "asset not found"), Outcome.UNKNOWN)
        state = self.state(job)
        urls = [address_of(job, asset_url)] if state is JobState.FINISHED else []
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
        return Result(json_answer(body), _OUTCOMES[state], job.id)

    def list(self, status: str, asset_base: str, *, limit: int, offset: int) -> Result:
        """List the account's jobs in one state, the newest first."""
        if self.options.listing == "off":
            return Result(error_answer(404, "no such path"), Outcome.UNKNOWN)
        own = (job for job in self.jobs if not job.vendor)
        newest = sorted(own, key=lambda job: job.accepted_at, reverse=True)
        of_state = (job for job in newest if job.word(self.state(job)) == status)
        page = islice(of_state, offset, offset + limit)
        assets = [self._listed(job, status, f"{asset_base}/{job.id}") for job in page]
        return Result(json_answer({"status": "success", "assets": assets}))

    def _listed(self, job: Job, status: str, asset_url: str) -> dict[str, object]:
        """A job in the list; its fields besides status and URLs are assumed."""
        metadata: dict[str, object] = {
            "prompt": job.clip.prompt,
            "duration": job.clip.duration_s,
            "variation": job.variation,
        }
        if self.options.listing == "markers":
            metadata["placeholderUuid"] = job.placeholder_uuid
        return {
            "id": job.id,
            "status": status,
            "created_at": job.accepted_at,
            "url": {
                "generation": [address_of(job, asset_url)],
                "thumbnail": [],
                "processed": [asset_url],
            },
            "asset_metadata": metadata,
        }

    async def asset(self, asset_id: str, *, is_moved: bool = False) -> Result:
        """Serve a finished clip or an uploaded image; anything else is not there (yet)."""
        job = self.jobs.get(asset_id)
        if job is None:
            return self._uploaded(asset_id)
        state = self.state(job)
        if state is not JobState.FINISHED:
            status = 403 if job.has(Effect.NOT_READY_403) else 404
            return Result(error_answer(status, "not found"), _OUTCOMES[state], job.id)
        if job.has(Effect.MOVED) is not is_moved:
            return Result(error_answer(404, "not found"), Outcome.UNKNOWN, job.id)
        try:
            path = await self.renderer.file(job.clip)
        except RenderError:
            return Result(error_answer(404, "not found"), Outcome.FAILED, job.id)
        return Result(Answer(path, content_type="video/mp4"), Outcome.READY, job.id)

    def state(self, job: Job) -> JobState:
        """A job's state now; starts to render a clip that is due."""
        if self.renderer.error(job.clip) is not None:
            return JobState.FAILED
        now = self.clock.now()
        rendered = self.renderer.is_rendered(job.clip)
        if job.is_due(now) and not rendered:
            self.renderer.start(job.clip)
        return job.state_at(now, rendered=rendered)

    def refresh(self, authorization: str | None) -> Result:
        pair = self.account.rotate(authorization)
        if pair is None:
            return Result(error_answer(401, "refresh token is dead"), Outcome.REFUSED)
        return Result(json_answer({"result": {"sessionToken": pair[0], "refreshToken": pair[1]}}))

    def credit(self) -> Result:
        return Result(json_answer({"total": self.account.credits, "tokens": self.account.credits}))

    def organisations(self) -> Result:
        return Result(json_answer({"data": [{"id": ORG_ID, "name": "Sandbox"}]}))

    def folders(self) -> Result:
        """List what can be a parent: one folder and one canvas."""
        folder = {"id": FOLDER_ID, "title": "Sandbox folder", "category": "folder"}
        canvas = {"id": CANVAS_ID, "name": "Sandbox canvas", "category": "canvas"}
        return Result(json_answer({"data": [folder, canvas]}))

    def upload(self, image: bytes, content_type: str, asset_base: str) -> Result:
        """Keep a reference; answers with its URL."""
        suffix = REFERENCE_SUFFIXES.get(content_type)
        if suffix is None:
            allowed = ", ".join(REFERENCE_SUFFIXES)
            return Result(error_answer(400, f"file must be one of {allowed}"), Outcome.REFUSED)
        image_id = str(uuid4())
        self.uploads.mkdir(parents=True, exist_ok=True)
        (self.uploads / f"{image_id}{suffix}").write_bytes(image)
        body = {"url": {"processed": [f"{asset_base}/{image_id}"]}}
        return Result(json_answer(body), Outcome.ANSWERED, image_id)

    def _job(self, submission: Submission, directives: tuple[FaultRule, ...]) -> Job:
        rules = (*directives, *self.faults.take_shaping())
        now = self.clock.now()
        nth = self.jobs.count(submission.clip.prompt)
        schedule = plan(submission.clip, rules, self.options, now=now, nth=nth)
        is_card = any(rule.fault.effect is Effect.CARD for rule in rules)
        clip = submission.clip
        if is_card:
            clip = replace(clip, duration_s=1, is_still=True)
        return Job(
            id=str(uuid4()),
            batch_id=str(uuid4()),
            placeholder_uuid=submission.placeholder_uuid,
            clip=shrink(clip, self.options.max_short_side_px),
            variation=submission.variation,
            org_id=submission.org_id,
            parent_id=submission.parent_id,
            cost=submission.cost,
            accepted_at=now,
            ready_at=schedule.ready_at,
            fails_at=schedule.fails_at,
            rules=rules,
        )

    def _uploaded(self, asset_id: str) -> Result:
        for content_type, suffix in REFERENCE_SUFFIXES.items():
            path = self.uploads / f"{asset_id}{suffix}"
            if path.parent == self.uploads and path.is_file():
                return Result(Answer(path, content_type=content_type), Outcome.READY, asset_id)
        return Result(error_answer(404, "not found"), Outcome.UNKNOWN)


_OUTCOMES: Mapping[JobState, Outcome] = {
    JobState.QUEUED: Outcome.RENDERING,
    JobState.GENERATING: Outcome.RENDERING,
    JobState.FINISHED: Outcome.READY,
    JobState.FAILED: Outcome.FAILED,
}


def address_of(job: Job, asset_url: str) -> str:
    """Where the status endpoint says that a finished clip is."""
    return (
        asset_url.replace("/processed/", "/v1/generated/") if job.has(Effect.MOVED) else asset_url
    )
