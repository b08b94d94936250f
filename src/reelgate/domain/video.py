"""A video and the life of its job: frozen data and the table of legal moves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, assert_never

import uuid_utils

from reelgate.domain import reference
from reelgate.domain.polls import Polls
from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Reference
from reelgate.polling.forecast import Forecast

if TYPE_CHECKING:
    from reelgate.domain.routing import Route


class State(StrEnum):
    """Where a job stands, as the gateway itself sees it."""

    QUEUED = "queued"  # durable, not yet sent; safe to send
    SUBMITTING = "submitting"  # the intent to send is durable; never sent again from here
    RENDERING = "rendering"  # accepted by the upstream, which is at work
    FETCHING = "fetching"  # ready upstream, its file is being checked and kept
    COMPLETED = "completed"  # the caller can have it
    FAILED = "failed"  # ended without a video; `failure` says why


class VideoStatus(StrEnum):
    """Where a job stands, in the four words OpenAI's clients know; they hang on any other."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Caller(StrEnum):
    """Whether somebody still waits for the answer of a blocking request."""

    NONE = "none"  # nobody ever waited: the job was asked for by its id
    WAITING = "waiting"  # a blocking caller holds the line
    GONE = "gone"  # it hung up without an answer: the next identical request adopts the job
    ANSWERED = "answered"  # it has had its answer, or was told the failure of the job it follows


MOVES: Mapping[State, frozenset[State]] = {
    # A job may fail from QUEUED without a submit: cancelled, or out of retries.
    State.QUEUED: frozenset({State.SUBMITTING, State.FAILED}),
    # Back to QUEUED only when the upstream surely refused the submit.
    State.SUBMITTING: frozenset({State.QUEUED, State.RENDERING, State.FAILED}),
    State.RENDERING: frozenset({State.FETCHING, State.FAILED}),
    State.FETCHING: frozenset({State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
}

CORRECTIONS: Mapping[State, frozenset[State]] = {
    # Found in the upstream's list after it was given up, or ready after our time was over.
    State.FAILED: frozenset({State.RENDERING, State.FETCHING}),
}
"""The moves out of an end, legal only for a video that `may_be_corrected`."""

SETTLING_S = 2.0
"""Between a failure and its commit others still read a video that renders, and goes forward."""

OUTCOME_UNKNOWN = frozenset({"submission_unknown", "upstream_bad_response"})
"""How a job fails whose submit may have been accepted."""
OUT_OF_TIME = "upstream_timeout"
"""How a job fails that was accepted and not ready, or not to be fetched, in our time."""

OPEN_STATES = frozenset(state for state, targets in MOVES.items() if targets)
"""The states from which a job still goes on."""

STATUS: Mapping[State, VideoStatus] = {
    State.QUEUED: VideoStatus.QUEUED,
    State.SUBMITTING: VideoStatus.QUEUED,
    State.RENDERING: VideoStatus.IN_PROGRESS,
    State.FETCHING: VideoStatus.IN_PROGRESS,
    State.COMPLETED: VideoStatus.COMPLETED,
    State.FAILED: VideoStatus.FAILED,
}

VIDEO_ID = re.compile("video_[0-9a-f]{32}")

Duration = int | Literal["auto"]
"""Whole seconds, or the model's own choice where it offers one."""


FINGERPRINTED = (
    "model",
    "prompt",
    "aspect_ratio",
    "duration",
    "resolution",
    "style_id",
    "is_enhance",
    "reference_url",
    "reference_digest",
)
"""What stands in every fingerprint and stored request, also where a model has no such field.

Never changed: see `VideoRequest.fingerprint`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """What was asked for, complete and valid: every default is filled in.

    A field is None where the model takes no such thing.

    Attributes:
        references: what it is made from: the first frame first, then the last one, then the
            others in the order of the request.
        options: the other fields, by name, as JSON values. One that says what a request
            without it said when the field was new is left out, also after the model's default has
            become another; of those that are `FINGERPRINTED`, only None is.
    """

    model: str
    prompt: str
    aspect_ratio: str | None
    duration: Duration | None
    resolution: str | None
    references: tuple[Reference, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def fingerprint(self) -> str:
        """A digest that is equal for equal requests, in this version, the last and the next.

        A reference counts by its content: each upload of it gets another address. Rows hold the
        fingerprint, and both versions of a rolling deploy look jobs up by it: whatever is new
        leaves that of a request without it as it was. See docs/adr/0014-fingerprints.md.
        """
        told = reference.without_addresses(self.as_json())
        canonical = json.dumps(told, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The request as rows hold it: the newer options, then what is `FINGERPRINTED`."""
        told = dict(self.options) | reference.as_json(self.references)
        for name in FINGERPRINTED:
            # Last, and in their order: so the first release wrote them.
            value = told.pop(name, None)
            told[name] = getattr(self, name) if name in NAMED else value
        return told

    @property
    def source(self) -> Reference | None:
        """The video that is changed or gone on with; None where a new one is made."""
        # From behind: it comes last.
        for each in reversed(self.references):
            if each.role in reference.SOURCE_ROLES:
                return each
        return None

    @property
    def kind(self) -> str:
        """What this request's rendering time depends on, as a key for learned durations."""
        return f"{self.model}/{self.duration or '-'}/{self.resolution or '-'}"


NAMED = frozenset(each.name for each in fields(VideoRequest)) - {"references", "options"}
"""The fields of a request that the core knows by name and that hold a plain value."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a public code, a sentence, and when a new try may help (seconds)."""

    code: str
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each stage began: wall-clock Unix seconds, for show; None while it has not."""

    created_at: float
    submitting_at: float | None = None
    submitted_at: float | None = None
    ready_at: float | None = None
    completed_at: float | None = None


@dataclass(frozen=True, slots=True)
class RequestWarning:
    """A field that was left out of a request because its model cannot honour it, and why."""

    param: str
    message: str


@dataclass(frozen=True, slots=True)
class Correction:
    """The failure that a video was told to have ended with before it was found after all."""

    code: str
    message: str
    failed_at: float


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A finished video's file in our own storage."""

    key: str
    size_bytes: int
    sha256: str
    content_type: str
    thumbnail_key: str | None = None
    placeholder: str | None = None
    """Why it is taken for a card that stands in for a video; None where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """One job and what is known of it; changed only by the store's compare-and-set."""

    id: str
    owner: str
    request: VideoRequest
    provider: str
    timeline: Timeline
    state: State = State.QUEUED
    epoch: int = 0
    caller: Caller = Caller.NONE
    retries: int = 0
    attempts: int = 0
    provider_id: str | None = None
    batch_id: str | None = None
    cost: Money | None = None
    """What the upstream told that it costs."""
    estimate: Money | None = None
    """What it was expected to cost when it was made."""
    failure: Failure | None = None
    file: KeptFile | None = None
    forecast: Forecast | None = None
    expires_at: float | None = None
    remixed_from: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str | None = None
    warnings: tuple[RequestWarning, ...] = ()
    traceparent: str | None = None
    """The caller's trace, as it was told (https://www.w3.org/TR/trace-context/); None: none."""
    decodings: int = 0
    """How many processes decode the file just now that have taken the job over from another."""
    marker: str | None = None
    """What the submit was sent with whose outcome is not known to be a refusal; empty once it was
    surely refused; None before the first, and in rows of versions that sent none."""
    recheck_at: float | None = None
    """When a failed job is looked for, or polled, again: Unix seconds."""
    corrects: Correction | None = None
    """The failure it was told to have ended with before."""
    route: Route | None = None
    """How its model was chosen, where it was asked of a virtual one."""

    pushed_at: float | None = None
    """When its upstream last said that there is something to see: Unix seconds."""
    polls: Polls | None = None
    """Those that the row has; None where it has none, and in lists, which do without."""

    @property
    def asked(self) -> VideoRequest:
        """What was asked for: where that was a virtual model, `request` is what its target is."""
        return self.request if self.route is None else self.route.asked

    @property
    def unit(self) -> Unit | None:
        """What its cost counts, or what it was expected to; None where nothing is known."""
        known = self.cost or self.estimate
        return None if known is None else known.unit

    @property
    def provider_request(self) -> VideoRequest:
        """The request in its provider's words: where two have a model, its name says whose."""
        model = self.request.model.removeprefix(f"{self.provider}/")
        return self.request if model == self.request.model else replace(self.request, model=model)

    @property
    def status(self) -> VideoStatus:
        """The state in the words of the public API."""
        return STATUS[self.state]

    def progress(self, now: float) -> int:
        """How far the job is at this Unix time, 0 to 100; 100 only when it is completed."""
        match self.state:
            case State.QUEUED | State.SUBMITTING:
                return 0
            case State.COMPLETED:
                return 100
            case State.FETCHING:
                return 99
            case State.RENDERING:
                return self._forecast_progress(now)
            case State.FAILED if self.timeline.ready_at is not None:
                return 99
            case State.FAILED:
                return self._forecast_progress((self.timeline.completed_at or now) + SETTLING_S)
            case _:
                assert_never(self.state)

    def eta_s(self, now: float) -> float | None:
        """The mean time left in seconds while it renders; None where nothing can be said."""
        if self.state is not State.RENDERING or self.forecast is None:
            return None
        return round(self.forecast.eta_s(self._elapsed_s(now)), 1)

    def _forecast_progress(self, until: float) -> int:
        return 0 if self.forecast is None else self.forecast.progress(self._elapsed_s(until))

    def _elapsed_s(self, until: float) -> float:
        return max(0.0, until - (self.timeline.submitted_at or until))

    @property
    def is_lost(self) -> bool:
        """Whether it failed because nobody knows what became of its submit."""
        return self._failed_with(OUTCOME_UNKNOWN) and self.provider_id is None

    @property
    def is_late(self) -> bool:
        """Whether it failed because it was not ready, or not to be fetched, in our time."""
        return self._failed_with({OUT_OF_TIME}) and self.provider_id is not None

    @property
    def may_be_corrected(self) -> bool:
        """Whether its failure may turn out to be none."""
        return self.is_lost or self.is_late

    def correction(self) -> Correction | None:
        """What is to be said of its failure once that turns out to be none: the first counts."""
        if self.corrects is not None or self.failure is None or self.state is not State.FAILED:
            return self.corrects
        failed_at = self.timeline.completed_at or 0.0
        return Correction(self.failure.code, self.failure.message, failed_at)

    def _failed_with(self, codes: Collection[str]) -> bool:
        return (
            self.state is State.FAILED and self.failure is not None and self.failure.code in codes
        )

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self.state not in OPEN_STATES


def may_move(video: Video, state: State) -> bool:
    """Whether this move is in the tables."""
    return state in MOVES[video.state] or (
        video.may_be_corrected and state in CORRECTIONS.get(video.state, ())
    )


def new_video_id() -> str:
    """A unique id that sorts by the time it was made (UUID version 7, RFC 9562)."""
    return f"video_{uuid_utils.uuid7().hex}"


def first_id_of(moment: float) -> str:
    """The lowest id that can have been made at this Unix time: older videos have lower ones."""
    return f"video_{max(0, int(moment * 1000)):012x}{'0' * 20}"


def is_video_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return VIDEO_ID.fullmatch(text) is not None
