"""Compares what the callers were told, what the database holds and what the upstream accepted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from chaos import told
from chaos.callers import Manner, NewVideo
from chaos.receiver import Arrival
from chaos.rows import Row

T = TypeVar("T")

MAY_HAVE_BEEN_ACCEPTED = {"submission_unknown", "upstream_bad_response", "cancelled"}
"""Failures that say themselves that the upstream may have made the video all the same."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the audit looks at.

    Attributes:
        orders: what was asked for and what the callers were told.
        rows: the database's videos.
        accepted: the upstream's own record of accepted jobs: `prompt`, `id` and `state` of each.
        upstream_sha256: the digest of each finished file as the upstream serves it, by its id.
        kept_sha256: the digest of each file that is kept, by its key.
        arrivals: the webhooks that arrived, in their order.
    """

    orders: Sequence[NewVideo]
    rows: Sequence[Row]
    accepted: Sequence[Mapping[str, str]]
    upstream_sha256: Mapping[str, str]
    kept_sha256: Mapping[str, str]
    arrivals: Sequence[Arrival]


@dataclass(slots=True)
class Findings:
    """What is wrong, by the kind of promise that is broken; empty lists when all is well."""

    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)

    def all(self) -> dict[str, list[str]]:
        """Every kind with what was found of it."""
        return {
            "lost (a caller was told of it, and it is gone)": self.lost,
            "unfinished (no outcome)": self.unfinished,
            "doubled (submitted more often than asked)": self.doubled,
            "orphaned (accepted upstream, known to no job)": self.orphaned,
            "given up (finished upstream, and failed here)": self.given_up,
            "contradicted (a caller was told something else)": self.contradicted,
            "unreadable (an answer that is no JSON)": self.unreadable,
            "damaged (the kept file differs from the upstream's)": self.damaged,
            "untold (an end whose webhook never arrived)": self.untold,
            "misordered (webhooks of a video in a wrong order)": self.misordered,
            "invented (a webhook that nothing gave reason for)": self.invented,
            "forged (a webhook whose signature is wrong)": self.forged,
        }

    @property
    def count(self) -> int:
        """How many promises were broken."""
        return sum(len(found) for found in self.all().values())


def audit(evidence: Evidence) -> Findings:
    """Check every promise."""
    by_id = {row.id: row for row in evidence.rows}
    by_prompt = grouped(by_id.values(), lambda row: row.prompt)
    jobs = grouped(evidence.accepted, lambda job: job["prompt"])
    findings = Findings(
        untold=told.untold(by_id.values(), evidence.arrivals),
        misordered=told.misordered(evidence.arrivals),
        invented=told.invented(by_id, evidence.arrivals),
        forged=told.forged(evidence.arrivals),
    )
    for order in evidence.orders:
        check_order(order, by_id, findings)
        check_paid_once(order, by_prompt[order.prompt], jobs[order.prompt], findings)
    for prompt, made in jobs.items():
        check_known(made, by_prompt[prompt], findings)
    finished = {job["id"] for job in evidence.accepted if job["state"] == "finished"}
    for row in by_id.values():
        check_row(row, evidence, findings)
        if row.failure not in {None, "cancelled"} and row.provider_id in finished:
            findings.given_up.append(f"{row.id}: {row.failure}")
    return findings


def check_order(order: NewVideo, by_id: Mapping[str, Row], findings: Findings) -> None:
    """All answers can be read, and the job they tell of exists and has the end they tell."""
    findings.unreadable += order.unreadable
    findings.lost += [video for video in order.told_ids if video not in by_id]
    row = by_id.get(order.final_id or "")
    if row is None:
        findings.unfinished.append(order.prompt)
    elif order.outcome != (row.failure or row.state):
        heard = f"{row.id}: told {order.outcome}, stands {row.failure or row.state}"
        findings.contradicted.append(heard)


def check_paid_once(
    order: NewVideo, rows: Sequence[Row], jobs: Sequence[Mapping[str, str]], findings: Findings
) -> None:
    """A keyed request is one request; a bare one may be as many as it was sent."""
    allowed = order.asks if order.manner is Manner.BARE else 1
    if len(jobs) > allowed or len(rows) > allowed:
        findings.doubled.append(
            f"{order.prompt!r}: {len(jobs)} submits, {len(rows)} jobs, {allowed} asked"
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
