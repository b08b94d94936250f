"""The W3C's header that names a trace, and the trace of each video.

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import hashlib
import re
from contextvars import ContextVar
from dataclasses import dataclass

from reelgate.domain.video import Video

HEADER = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
FIRST_VERSION = "00"
INVALID_VERSION = "ff"
NO_TRACE = "0" * 32
NO_SPAN = "0" * 16
SAMPLED = 1
TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A span of somebody's trace; the ids in hexadecimal."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def header(self) -> str:
        return f"{FIRST_VERSION}-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def parse(header: str | None) -> TraceParent | None:
    """What a `traceparent` header names; None for one that is to be ignored."""
    found = HEADER.fullmatch(header or "")
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    is_later = version not in {FIRST_VERSION, INVALID_VERSION}
    if (more and not is_later) or version == INVALID_VERSION:
        return None
    if trace_id == NO_TRACE or span_id == NO_SPAN:
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & SAMPLED))


current: ContextVar[TraceParent | None] = ContextVar("traceparent", default=None)
"""What the caller of the request at hand brought."""


def root_of(video: Video) -> tuple[str, str]:
    """The trace of a video, and the id of its outermost span.

    They follow from the video's id: whichever process goes on with a job goes on with its trace,
    and nothing needs to be kept. A trace that the caller has begun is gone on with instead. The
    digest spreads over all ids evenly, as samplers that look at them expect.
    """
    digest = hashlib.blake2b(video.id.encode(), digest_size=TRACE_ID_BYTES + SPAN_ID_BYTES).digest()
    caller = parse(video.traceparent)
    trace_id = caller.trace_id if caller else digest[:TRACE_ID_BYTES].hex()
    return trace_id, digest[TRACE_ID_BYTES:].hex()


def step_span_id(video: Video, step: str, attempt: int) -> str:
    """The id of the span of one step of a job, which its requests name before it is over."""
    named = f"{video.id} {step} {attempt}".encode()
    return hashlib.blake2b(named, digest_size=SPAN_ID_BYTES).hexdigest()
