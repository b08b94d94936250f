"""Compares what the callers were told, what the database holds and what the upstream accepted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from chaos import webhook_audit
from chaos.callers import CallerRequest, RequestStyle
from chaos.metrics import Told, miscounted
from chaos.receiver import Delivery
from chaos.rows import Row

T = TypeVar("T")

MAY_HAVE_BEEN_ACCEPTED = {"submission_unknown", "upstream_bad_response", "cancelled"}
"""Failures that say themselves that the upstream may have made the video all the same."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the audit compares.

    Attributes:
        requests: what was asked for and what the callers were told.
        rows: the database's videos.
        accepted: the upstream's own record of accepted jobs: `prompt`, `id` and `state` of each.
        upstream_sha256: the digest of each finished file as the upstream serves it, by its id.
        kept_sha256: the digest of each file that is kept, by its key.
        deliveries: the webhooks that arrived, in their order.
        costs: what the upstream has booked for each accepted job, by its id.
        told: what each gateway's metrics say.
    """

    requests: Sequence[CallerRequest]
    rows: Sequence[Row]
    accepted: Sequence[Mapping[str, str]]
    upstream_sha256: Mapping[str, str]
    kept_sha256: Mapping[str, str]
    deliveries: Sequence[Delivery]
    costs: Mapping[str, int] = field(default_factory=dict)
    told: Sequence[Told] = ()


@dataclass(slots=True)
class Findings:
    """Broken promises by kind; empty lists when all were kept."""

    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)

    def all(self) -> dict[str, list[str]]:
        """Each kind and its findings."""
        return {
            "lost (a caller was told of it, and it is gone)": self.lost,
            "unfinished (no outcome)": self.unfinished,
            "duplicated (submitted more often than asked)": self.duplicated,
            "orphaned (accepted upstream, known to no job)": self.orphaned,
            "abandoned (finished upstream, and failed here)": self.abandoned,
            "contradicted (a caller was told something else)": self.contradicted,
            "unreadable (an answer that is no JSON)": self.unreadable,
            "damaged (the kept file differs from the upstream's)": self.damaged,
            "undelivered (an end whose webhook never arrived)": self.undelivered,
            "reordered (webhooks of a video in a wrong order)": self.reordered,
            "unexpected (a webhook for no event of its endpoint)": self.unexpected,
            "forged (a webhook whose signature is wrong)": self.forged,
            "miscounted (metrics that differ from the upstream's record)": self.miscounted,
        }

    @property
    def count(self) -> int:
        """How many promises were broken."""
        return sum(len(found) for found in self.all().values())


def audit(evidence: Evidence) -> Findings:
    by_id = {row.id: row for row in evidence.rows}
    by_prompt = grouped(by_id.values(), lambda row: row.prompt)
    jobs = grouped(evidence.accepted, lambda job: job["prompt"])
    findings = Findings(
        undelivered=webhook_audit.undelivered(by_id.values(), evidence.deliveries),
        reordered=webhook_audit.reordered(by_id, evidence.deliveries),
        unexpected=webhook_audit.unexpected(by_id, evidence.deliveries),
        forged=webhook_audit.forged(evidence.deliveries),
        miscounted=miscounted(evidence.told, evidence.rows, evidence.costs),
    )
    for request in evidence.requests:
        check_request(request, by_id, findings)
        check_paid_once(request, by_prompt[request.prompt], jobs[request.prompt], findings)
    for prompt, made in jobs.items():
        check_known(made, by_prompt[prompt], findings)
    finished = {job["id"] for job in evidence.accepted if job["state"] == "finished"}
    for row in by_id.values():
        check_row(row, evidence, findings)
        if row.failure not in {None, "cancelled"} and row.provider_id in finished:
            findings.abandoned.append(f"{row.id}: {row.failure}")
    return findings


def check_request(request: CallerRequest, by_id: Mapping[str, Row], findings: Findings) -> None:
    """All answers are JSON, and the job they name exists and has the outcome they say."""
    findings.unreadable += request.unreadable
    findings.lost += [video for video in request.known_ids if video not in by_id]
    row = by_id.get(request.final_id or "")
    if row is None:
        findings.unfinished.append(request.prompt)
    elif request.outcome not in row.outcomes:
        heard = f"{row.id}: told {request.outcome}, stands {row.failure or row.state}"
        findings.contradicted.append(heard)


def check_paid_once(
    request: CallerRequest,
    rows: Sequence[Row],
    jobs: Sequence[Mapping[str, str]],
    findings: Findings,
) -> None:
    """A keyed request is one request; a bare one may be as many as it was sent."""
    allowed = request.asks if request.style is RequestStyle.BARE else 1
    if len(jobs) > allowed or len(rows) > allowed:
        findings.duplicated.append(
            f"{request.prompt!r}: {len(jobs)} submits, {len(rows)} jobs, {allowed} asked"
        )


def check_known(jobs: Sequence[Mapping[str, str]], rows: Sequence[Row], findings: Findings) -> None:
    """Every accepted job belongs to a video, or to a failure that says it may have happened."""
    known = {row.provider_id for row in rows}
    excused = sum(row.failure in MAY_HAVE_BEEN_ACCEPTED for row in rows)
    unknown = [job["id"] for job in jobs if job["id"] not in known]
    findings.orphaned += unknown[excused:]


def check_row(row: Row, evidence: Evidence, findings: Findings) -> None:
    """Every video has come to an end, and a completed one's file is the upstream's to the byte."""
    if not row.is_over:
        findings.unfinished.append(row.id)
    if row.state == "completed":
        upstream = evidence.upstream_sha256.get(row.provider_id or "")
        kept = evidence.kept_sha256.get(row.file_key or "")
        if row.sha256 is None or not upstream == kept == row.sha256:
            findings.damaged.append(row.id)


def grouped(items: Iterable[T], key: Callable[[T], str]) -> defaultdict[str, list[T]]:
    """The items by their key."""
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
