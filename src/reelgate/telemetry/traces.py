"""Spans, in the words of OpenTelemetry's conventions for generative models and for HTTP.

Loaded only where traces are switched on.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from yarl import URL

from reelgate.domain.video import State, Video
from reelgate.telemetry.traceparent import TraceParent, parse, root_of, step_span_id
from reelgate.version import VERSION

OPERATION = "generate_video"
SECOND_NS = 1_000_000_000
Attributes = Mapping[str, str | int | float | bool]

STEPS: Mapping[State, str] = {
    State.QUEUED: "queue",
    State.SUBMITTING: "submit",
    State.RENDERING: "poll",
    State.FETCHING: "fetch",
}
"""The span for the time that a job is in a state."""

Ids = tuple[int, int]
_wanted: ContextVar[Ids | None] = ContextVar("wanted_ids", default=None)
_running: ContextVar[Video | None] = ContextVar("running_video", default=None)


class VideoIds(RandomIdGenerator):
    """Gives a span the ids that follow from its video, where it is one of a job's."""

    def generate_trace_id(self) -> int:
        wanted = _wanted.get()
        return wanted[0] if wanted else super().generate_trace_id()

    def generate_span_id(self) -> int:
        wanted = _wanted.get()
        return wanted[1] if wanted else super().generate_span_id()


class Traces:
    """One trace for each video, whichever processes work on it."""

    def __init__(
        self,
        provider: TracerProvider,
        *,
        tells_prompts: bool = False,
        tells_upstreams: bool = False,
    ) -> None:
        """`provider` has `VideoIds`; `tells_upstreams`: their requests carry `traceparent`."""
        self._sampler = provider.sampler
        self._tracer = provider.get_tracer("reelgate", VERSION)
        self._tells_prompts = tells_prompts
        self._tells_upstreams = tells_upstreams

    def traceparent(self, video: Video) -> TraceParent:
        """The outermost span of a video's job."""
        trace_id, span_id = root_of(video)
        caller = context_of(parse(video.traceparent))
        sampled = self._sampler.should_sample(caller, int(trace_id, 16), name_of(video))
        return TraceParent(trace_id, span_id, sampled.decision is not Decision.DROP)

    @contextmanager
    def running(self, video: Video) -> Iterator[None]:
        """Requests that are sent meanwhile are this job's."""
        token = _running.set(video)
        try:
            yield
        finally:
            _running.reset(token)

    def moved(self, before: Video, after: Video) -> None:
        """A state is over, and perhaps the job."""
        self._step_ended(before, after)
        if after.is_over:
            self._job_ended(after)

    def _step_ended(self, before: Video, after: Video) -> None:
        if before.is_over:
            return
        begun, ended = times_of_step(before, after)
        if begun is None:
            return
        step = STEPS[before.state]
        root = self.traceparent(after)
        ids = (int(root.trace_id, 16), int(step_span_id(before, step, before.attempts), 16))
        attributes: Attributes = {
            "reelgate.video.id": after.id,
            "reelgate.attempt": before.attempts,
        }
        span = self._span(step, context_of(root), attributes, begun, ids=ids)
        finish(span, after, ended)

    def _job_ended(self, video: Video) -> None:
        """The outermost span; of a job that went on after it had failed, another within."""
        root = self.traceparent(video)
        times = video.timeline
        is_first = video.corrects is None
        outside = parse(video.traceparent)
        span = self._span(
            name_of(video),
            context_of(outside if is_first else root),
            self._attributes(video),
            times.created_at,
            ids=ids_of(root) if is_first else None,
            kind=SpanKind.CLIENT,
        )
        finish(span, video, times.completed_at or time.time())

    def _attributes(self, video: Video) -> Attributes:
        told: dict[str, str | int | float | bool] = {
            "gen_ai.operation.name": OPERATION,
            "gen_ai.provider.name": video.provider,
            "gen_ai.request.model": video.request.model,
            "gen_ai.output.type": "video",
            "reelgate.video.id": video.id,
            "reelgate.submits": video.attempts,
        }
        if video.provider_id:
            told["gen_ai.response.id"] = video.provider_id
        if video.cost is not None:
            told["reelgate.cost"] = video.cost.value
            told["reelgate.cost_unit"] = video.cost.unit.value
        if self._tells_prompts:
            part = {"type": "text", "content": video.request.prompt}
            told["gen_ai.input.messages"] = json.dumps([{"role": "user", "parts": [part]}])
        return told

    def request_began(
        self, method: str, url: URL, *, is_foreign: bool
    ) -> tuple[Span, Mapping[str, str]] | None:
        """A request to an upstream, with the headers that it is to carry; None outside a job.

        `is_foreign`: it goes to where an answer has led, who is told nothing.
        """
        video = _running.get()
        if video is None:
            return None
        root = self.traceparent(video)
        step, attempt = STEPS[video.state], video.attempts
        if video.state is State.QUEUED:
            # What is sent from here on is its next submit.
            step, attempt = STEPS[State.SUBMITTING], attempt + 1
        parent = TraceParent(root.trace_id, step_span_id(video, step, attempt), root.is_sampled)
        span = self._client(method, url, context_of(parent), {"reelgate.video.id": video.id})
        tells = self._tells_upstreams and not is_foreign
        return span, header_of(span) if tells else {}

    def webhook_began(
        self, event: str, url: URL, traceparent: str | None
    ) -> tuple[Span, Mapping[str, str]]:
        """An attempt to deliver an event, with the headers that it is to carry."""
        parent = context_of(parse(traceparent))
        span = self._client("POST", url, parent, {"reelgate.webhook.event": event})
        span.update_name(f"webhook {event}")
        return span, header_of(span)

    @staticmethod
    def answered(span: Span, status: int) -> None:
        """A request of ours has its answer."""
        span.set_attribute("http.response.status_code", status)
        if status >= HTTPStatus.BAD_REQUEST:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    @staticmethod
    def failed(span: Span, error: str) -> None:
        """A request of ours has none."""
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _client(self, method: str, url: URL, parent: Context | None, more: Attributes) -> Span:
        """Paths and queries may hold secrets: only the server is told."""
        attributes = {
            "http.request.method": method,
            "server.address": url.host or "",
            "server.port": url.port or 0,
            **more,
        }
        return self._tracer.start_span(method, parent or Context(), SpanKind.CLIENT, attributes)

    def _span(
        self,
        name: str,
        parent: Context | None,
        attributes: Attributes,
        begun: float,
        *,
        ids: Ids | None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        token = _wanted.set(ids)
        try:
            return self._tracer.start_span(
                name, parent or Context(), kind, attributes, start_time=nanoseconds(begun)
            )
        finally:
            _wanted.reset(token)


def finish(span: Span, video: Video, ended: float) -> None:
    """End a span, as failed where its job has failed."""
    if video.state is State.FAILED and video.failure is not None:
        span.set_attribute("error.type", video.failure.code)
        span.set_status(Status(StatusCode.ERROR, video.failure.code))
    span.end(nanoseconds(ended))


def times_of_step(before: Video, after: Video) -> tuple[float | None, float]:
    """When a state began and when it was over, Unix seconds; no beginning where none is known."""
    then, now = before.timeline, after.timeline
    over = now.completed_at or time.time()
    match before.state:
        case State.QUEUED:
            # When it came back into the queue is not kept.
            begun = then.created_at if before.attempts == 0 else None
            return begun, now.submitting_at or over
        case State.SUBMITTING:
            return then.submitting_at, (
                now.submitted_at if after.state is State.RENDERING and now.submitted_at else over
            )
        case State.RENDERING:
            return then.submitted_at, now.ready_at or over
        case _:
            return then.ready_at, over


def name_of(video: Video) -> str:
    return f"{OPERATION} {video.request.model}"


def context_of(parent: TraceParent | None) -> Context | None:
    """A span that is known by its ids alone, as the parent of others."""
    if parent is None:
        return None
    trace_id, span_id = ids_of(parent)
    flags = TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT)
    span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags))
    return set_span_in_context(span, Context())


def ids_of(parent: TraceParent) -> Ids:
    return int(parent.trace_id, 16), int(parent.span_id, 16)


def header_of(span: Span) -> Mapping[str, str]:
    """The header that names a span."""
    told = span.get_span_context()
    parent = TraceParent(f"{told.trace_id:032x}", f"{told.span_id:016x}", told.trace_flags.sampled)
    return {"traceparent": parent.header}


def nanoseconds(seconds: float) -> int:
    return int(seconds * SECOND_NS)
