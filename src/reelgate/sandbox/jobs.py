"""Accepted jobs: what becomes of them when, and how they survive a restart."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

from reelgate.rendering.clip import Clip, SeededRandom
from reelgate.sandbox.fault_rule import FaultRule, UnknownFaultError, parse_rule
from reelgate.sandbox.faults import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reelgate.sandbox.options import SandboxOptions

AT_720P = ((5.0, 60.0, 90.0), (6.0, 70.0, 100.0), (12.0, 96.0, 144.0))
"""(clip seconds, least, most); the last row is the published 12 s at 1080p over its factor."""

FACTOR_BY_SHORT_SIDE_PX = (
    (360, 0.7),
    (480, 0.8),
    (540, 0.85),
    (720, 1.0),
    (1080, 1.25),
    (1440, 1.6),
    (2160, 2.5),
)
LEAST_S = 10.0


def published_times_s(duration_s: int, short_side_px: int) -> tuple[float, float]:
    """The least and the most seconds a clip takes to get ready, at speed 1."""
    left, right = next(
        (pair for pair in pairwise(AT_720P) if duration_s <= pair[1][0]), tuple(AT_720P[-2:])
    )
    along = (duration_s - left[0]) / (right[0] - left[0])
    factor = _factor(short_side_px)
    least = max(LEAST_S, left[1] + along * (right[1] - left[1]))
    most = max(LEAST_S, left[2] + along * (right[2] - left[2]))
    return least * factor, most * factor


def draw_ready_after_s(
    duration_s: int, short_side_px: int, *, speed: float, seed: int, key: str
) -> float:
    """Draw the seconds until ready, uniform on the published times divided by `speed`.

    The same seed and key draw the same time in every process.
    """
    least, most = published_times_s(duration_s, short_side_px)
    return SeededRandom(f"{seed}:{key}").uniform(least, most) / speed


def _factor(short_side_px: int) -> float:
    return next(
        (factor for side, factor in FACTOR_BY_SHORT_SIDE_PX if short_side_px <= side),
        FACTOR_BY_SHORT_SIDE_PX[-1][1],
    )


MODERATED = "Content moderation stopped this request."
"""Assumed: no source tells imagine.art's own words."""
UUID_CHARS = 36
UUID_DIGITS = 39
QUEUED_SHARE = 0.1
"""The share of a job's time in which the status endpoint says `queued`."""


class JobState(StrEnum):
    """What the status endpoint says."""

    QUEUED = "queued"
    """Waiting for its turn."""
    GENERATING = "generating"
    """In work."""
    FINISHED = "finished"
    """The clip can be had."""
    FAILED = "failed"
    """There will be no clip."""


class WallClock:
    """Unix seconds that never jump: the wall clock is read once, a monotonic clock counts on."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset_s + time.monotonic()


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted submit; times are Unix seconds so that a restart does not move them."""

    id: str
    batch_id: str
    placeholder_uuid: str
    clip: Clip
    variation: str
    org_id: str
    parent_id: str
    cost: int
    accepted_at: float
    ready_at: float | None
    fails_at: float | None
    rules: tuple[FaultRule, ...] = ()
    vendor: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """What another vendor than imagine.art was sent, as it tells it."""

    def state_at(self, now: float, *, rendered: bool) -> JobState:
        """Decide the state: ready needs both its time and its file."""
        if self.fails_at is not None and now >= self.fails_at:
            return JobState.FAILED
        if rendered and self.is_due(now):
            return JobState.FINISHED
        if self.ready_at is not None:
            queued_until = self.accepted_at + QUEUED_SHARE * (self.ready_at - self.accepted_at)
            return JobState.QUEUED if now < queued_until else JobState.GENERATING
        return JobState.GENERATING

    def is_due(self, now: float) -> bool:
        return self.ready_at is not None and now >= self.ready_at

    def has(self, effect: Effect) -> bool:
        """Whether a fault with this effect was asked for."""
        return any(rule.fault.effect is effect for rule in self.rules)

    def word(self, state: JobState) -> str:
        """What the status endpoint calls this state."""
        if state is JobState.FINISHED:
            return str(state)
        named = Effect.ENDS if state is JobState.FAILED else Effect.SAYS
        words = [rule.text("as") for rule in self.rules if rule.fault.effect is named]
        return words[-1] if words else str(state)

    @property
    def reason(self) -> str:
        """Why the job ended, where the status endpoint says so."""
        ends = [rule for rule in self.rules if rule.fault.effect is Effect.ENDS]
        if not ends and self.has(Effect.MODERATED):
            return MODERATED
        return ends[-1].text("reason") if ends else ""

    def rule(self, effect: Effect) -> FaultRule | None:
        """The fault with this effect, if one was asked for."""
        return next((rule for rule in self.rules if rule.fault.effect is effect), None)

    def is_past(self, effect: Effect, now: float) -> bool:
        """Whether the `after` of a fault is over, counted from when the job got ready."""
        rule = self.rule(effect)
        if rule is None or self.ready_at is None:
            return False
        return now >= self.ready_at + (rule.number("after") or 0.0)

    @property
    def will_finish(self) -> bool:
        """Whether there will ever be a clip to render."""
        return self.ready_at is not None

    def as_json(self) -> dict[str, Any]:
        """Return plain data: for the control endpoint and for the journal."""
        told = {
            "id": self.id,
            "batch_id": self.batch_id,
            "placeholder_uuid": self.placeholder_uuid,
            "prompt": self.clip.prompt,
            "clip": self.clip.as_json(),
            "variation": self.variation,
            "org_id": self.org_id,
            "parent_id": self.parent_id,
            "cost": self.cost,
            "accepted_at": self.accepted_at,
            "ready_at": self.ready_at,
            "fails_at": self.fails_at,
            "faults": [str(rule) for rule in self.rules],
        }
        # Journals of earlier versions know of no other vendors.
        return told | ({"vendor": self.vendor, "details": self.details} if self.vendor else {})


def job_from_json(data: dict[str, Any]) -> Job:
    """Read back what `Job.as_json` wrote in this version or another; what is unknown is dropped."""
    plain = _known(Job, data) | {
        "clip": Clip(**_known(Clip, data["clip"])),
        "rules": tuple(_known_rules(data["faults"])),
    }
    return Job(**plain)


def _known(record: type[Job | Clip], data: dict[str, Any]) -> dict[str, Any]:
    return {each.name: data[each.name] for each in fields(record) if each.name in data}


def _known_rules(texts: Iterable[str]) -> Iterator[FaultRule]:
    for text in texts:
        with suppress(UnknownFaultError):
            yield parse_rule(text)


class JobStore:
    """All accepted jobs by id; with a journal they are there again after a restart."""

    def __init__(self, journal: Path | None) -> None:
        self._jobs: dict[str, Job] = {}
        self._prompts: Counter[str] = Counter()
        self._file: TextIO | None = None
        if journal is not None:
            for job in _read(journal):
                self._remember(job)
            self._file = journal.open("a", encoding="utf-8")

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, job_id: str) -> Job | None:
        """The job, or None if there is none; it may be named as an odd answer named it."""
        if job_id in self._jobs:
            return self._jobs[job_id]
        if job_id.isdigit() and len(job_id) <= UUID_DIGITS:
            return self._jobs.get(str(UUID(int=int(job_id) % 2**128)))
        return self._jobs.get(job_id[:UUID_CHARS])

    def count(self, prompt: str) -> int:
        return self._prompts[prompt]

    def add(self, job: Job) -> None:
        """Remember a job.

        The journal line is handed to the operating system before the caller hears of the job: it
        survives the death of this process, though not that of the machine.
        """
        if self._file is not None:
            self._file.write(json.dumps(job.as_json()) + "\n")
            self._file.flush()
        self._remember(job)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _remember(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._prompts[job.clip.prompt] += 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job gets ready or fails, as Unix seconds; None means never."""

    ready_at: float | None
    fails_at: float | None


def plan(
    clip: Clip, rules: Iterable[FaultRule], options: SandboxOptions, *, now: float, nth: int
) -> Schedule:
    """Draw a job's ready time, or take it from the faults that shape it.

    `nth` counts the jobs accepted for the same prompt before, so that each draws its own time. The
    seconds of a fault's `after` are real ones: the speed does not divide them.
    """
    # What moderation lets pass at the submit it does not stop later.
    later = (rule for rule in rules if rule.text("at") != "submit")
    after = {rule.fault.effect: rule.number("after") for rule in later}
    for end in (Effect.FAIL, Effect.ENDS, Effect.MODERATED):
        if end in after:
            return Schedule(None, now + (after[end] or 0.0))
    if Effect.NEVER in after:
        return Schedule(None, None)
    if Effect.READY in after:
        return Schedule(now + (after[Effect.READY] or 0.0), None)
    drawn_s = draw_ready_after_s(
        clip.duration_s,
        clip.short_side_px,
        speed=options.speed,
        seed=options.seed,
        key=f"{nth}:{clip.prompt}",
    )
    return Schedule(now + drawn_s, None)


def _read(journal: Path) -> Iterator[Job]:
    """Read a journal; a last line torn by a crash was never answered for and is dropped."""
    if not journal.exists():
        return
    text = journal.read_text(encoding="utf-8")
    whole, newline, torn = text.rpartition("\n")
    if torn:
        journal.write_text(whole + newline, encoding="utf-8")
    for line in whole.splitlines():
        yield job_from_json(json.loads(line))
