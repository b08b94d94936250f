"""Every metric, once: its name, its labels and what it says.

`docs/metrics.md` is written from here, and a test holds the dashboard and the alert rules to it.
Labels take few values: states, models and providers that there are, templates of paths, our own
error codes. Nothing that a stranger sends becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator

from reelgate.domain.video import State, Video
from reelgate.errors import SubmissionUnknown
from reelgate.telemetry.instruments import Counter, Gauge, Histogram, Instrument

SHORT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds that a request upstream takes."""
LONG_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600)
LONGEST_S = (*LONG_S, 900, 1200, 1800, 2700, 3600)
"""Seconds that a video takes."""
LAG_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
POLLS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)
JOB = ("provider", "model")
COMPLETED = "completed"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LEFT = 499
"""Stands for the status of a request whose caller left before an answer, as in nginx's log."""


class Metrics:
    """What one process counts, and what a scrape reads beside it."""

    def __init__(self) -> None:
        # Of the database: the same from every process that shares it.
        self.jobs = Gauge("reelgate_jobs", "Unfinished jobs.", ("state", *JOB))
        self.oldest_job = Gauge(
            "reelgate_oldest_job_age_seconds",
            "Time since the oldest unfinished job in this state was asked for.",
            ("state", *JOB),
        )
        self.spend_today = Gauge(
            "reelgate_spend_today",
            "What today's jobs (UTC) have cost, as far as the upstream told; `unit`: `credits` "
            "or `usd`.",
            (*JOB, "unit"),
        )
        self.unpriced_today = Gauge(
            "reelgate_unpriced_jobs_today",
            "Jobs of today (UTC) that were or may have been paid for without a told price.",
            JOB,
        )
        self.webhooks_pending = Gauge(
            "reelgate_webhooks_pending", "Webhook deliveries that are still to be made."
        )
        # Of the upstream accounts.
        self.credits_left = Gauge(
            "reelgate_credits_left",
            "Credits that an account has left, where the upstream tells; up to five minutes old.",
            ("provider",),
        )
        self.credential_expires = Gauge(
            "reelgate_credential_expires_seconds",
            "Time until a credential expires; negative once it has. Without one that expires: no "
            "series.",
            ("provider",),
        )
        self.credential_ok = Gauge(
            "reelgate_credential_ok",
            "1 as long as videos can be made with a credential, and for the next hour unless it is "
            "renewed by itself; else 0.",
            ("provider",),
        )
        # Of this process, since its start.
        self.created = Counter("reelgate_jobs_created_total", "Jobs that requests have made.", JOB)
        self.finished = Counter(
            "reelgate_jobs_finished_total",
            "Jobs that this process has seen to their end; `code` is `completed` or the error's. "
            "One that is found after it was given up ends twice.",
            (*JOB, "code"),
        )
        self.submits = Counter(
            "reelgate_submits_total",
            "Submits sent, by what became of them: `accepted`, `refused` (surely, and sent again "
            "later), or the code with which the job failed.",
            (*JOB, "outcome"),
        )
        self.generation = Histogram(
            "reelgate_generation_seconds",
            "From accepted by the upstream to found ready.",
            JOB,
            LONGEST_S,
        )
        self.unseen = Histogram(
            "reelgate_unseen_seconds",
            "How long a video may have been ready before a poll found it: the time between that "
            "poll and the one before.",
            JOB,
            LONG_S,
        )
        self.answered = Histogram(
            "reelgate_ready_to_answered_seconds",
            "From found ready to kept here, when waiting callers are answered.",
            JOB,
            LONG_S,
        )
        self.whole = Histogram(
            "reelgate_video_seconds", "From asked for to completed.", JOB, LONGEST_S
        )
        self.polls = Histogram(
            "reelgate_polls_per_job", "Polls until a job was ready, failed or given up.", JOB, POLLS
        )
        self.upstream = Counter(
            "reelgate_upstream_requests_total",
            "Requests to upstreams; `code` is the answer's status, or `timeout`, `connect` "
            "(nothing was sent) or `broken` where there was none.",
            ("provider", "method", "code"),
        )
        self.upstream_time = Histogram(
            "reelgate_upstream_request_seconds",
            "Time until the head of an upstream's answer.",
            ("provider", "method"),
            SHORT_S,
        )
        self.webhooks = Counter(
            "reelgate_webhook_attempts_total",
            "Attempts to deliver a webhook: `delivered`, `failed` (and tried again later), "
            "`given_up`, or `switched_off` with its endpoint.",
            ("outcome",),
        )
        self.requests = Counter(
            "reelgate_http_requests_total",
            "Requests to this process; `status` 499: the caller left before an answer.",
            ("method", "route", "status"),
        )
        self.request_time = Histogram(
            "reelgate_http_request_seconds",
            "Time until the end of an answer: blocking callers wait for their video.",
            ("method", "route"),
            LONGEST_S,
        )
        self.loop_lag = Histogram(
            "reelgate_event_loop_lag_seconds",
            "How much later than due the event loop came to a timer, once a second.",
            (),
            LAG_S,
        )
        self.build = Gauge("reelgate_build_info", "Always 1.", ("version", "python"))

    def instruments(self) -> Iterator[Instrument]:
        """Every metric, in the order in which they stand above."""
        yield from vars(self).values()

    def created_job(self, video: Video) -> None:
        """A request has made a job.

        A series that begins with its first event hides that from `increase()`: those that alerts
        wait for begin here, at 0.
        """
        job = (video.provider, video.request.model)
        self.created.add(*job)
        for code in (COMPLETED, SubmissionUnknown.code):
            self.finished.add(*job, code, by=0)

    def moved(self, before: Video, after: Video) -> None:
        """A job went from one state to another, durably."""
        job, times = (after.provider, after.request.model), after.timeline
        if before.state is State.SUBMITTING:
            self.submits.add(*job, submit_outcome(after))
        match after.state:
            case State.FETCHING:
                self.generation.observe(between(times.submitted_at, times.ready_at), *job)
            case State.COMPLETED:
                self.finished.add(*job, COMPLETED)
                self.answered.observe(between(times.ready_at, times.completed_at), *job)
                self.whole.observe(between(times.created_at, times.completed_at), *job)
            case State.FAILED:
                self.finished.add(*job, failure_code(after))
            case _:
                pass

    def polled(self, video: Video, polls: int, unseen_s: float | None) -> None:
        """A job needs no more polls; `unseen_s` is None where it never got ready."""
        job = (video.provider, video.request.model)
        self.polls.observe(polls, *job)
        if unseen_s is not None:
            self.unseen.observe(unseen_s, *job)

    def answered_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request to us is over; `route` is its template."""
        known = method if method in METHODS else "other"
        self.requests.add(known, route, str(status))
        self.request_time.observe(seconds, known, route)


def submit_outcome(after: Video) -> str:
    """What became of a submit, by where its job is now."""
    if after.state is State.RENDERING:
        return "accepted"
    return "refused" if after.state is State.QUEUED else failure_code(after)


def failure_code(video: Video) -> str:
    return video.failure.code if video.failure else "unknown"


def between(begin_s: float | None, end_s: float | None) -> float:
    """The time between two moments, of which a clock that was set may have swapped the order."""
    return 0.0 if begin_s is None or end_s is None else max(0.0, end_s - begin_s)
