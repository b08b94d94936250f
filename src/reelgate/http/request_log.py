"""How each request ended: counted, and one line of the log."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from starlette.types import Scope
from structlog.contextvars import bind_contextvars, clear_contextvars

from reelgate.domain.video import is_video_id
from reelgate.http.errors import REQUEST_ID
from reelgate.http.proxies import TrustedProxies
from reelgate.telemetry.metrics import LEFT
from reelgate.telemetry.telemetry import Telemetry
from reelgate.telemetry.traceparent import current, parse

log = structlog.get_logger()

RECORD = "reelgate.record"
"""Where a request's scope holds its record."""
UNMATCHED = "unmatched"
"""The route of a path that there is not: strangers make those up."""
PROBES = frozenset({"/health", "/ready", "/metrics"})
"""What machines ask for every few seconds."""


@dataclass(slots=True)
class RequestRecord:
    """What is known of a request so far."""

    route: str = UNMATCHED
    status: int = LEFT
    key: str = ""
    """The API key's id; empty without keys."""
    began_s: float = field(default_factory=time.monotonic)

    def routed(self, scope: Scope) -> None:
        """The framework has found, and perhaps run, the route."""
        self.route = getattr(scope.get("route"), "path", UNMATCHED)
        video_id = scope.get("path_params", {}).get("video_id", "")
        if is_video_id(video_id):
            bind_contextvars(video=video_id)

    def finish(self, scope: Scope, telemetry: Telemetry, proxies: TrustedProxies) -> None:
        """The request is over: count it, and tell it in the log."""
        seconds = time.monotonic() - self.began_s
        telemetry.metrics.answered_request(scope["method"], self.route, self.status, seconds)
        if self.route not in PROBES:
            told = {"key": self.key} if self.key else {}
            log.info(
                "request",
                method=scope["method"],
                route=self.route,
                status=self.status,
                duration_ms=round(seconds * 1000, 1),
                client=proxies.client_of(scope),
                **told,
            )


def record_of(scope: Scope) -> RequestRecord:
    """The record of a request; one that nobody reads where a test leaves it out."""
    record: RequestRecord = scope.get(RECORD) or RequestRecord()
    return record


_in_request: ContextVar[bool] = ContextVar("in_request", default=False)


def begin(scope: Scope) -> RequestRecord:
    """A request has come: every line of the log and every new job name it, and its caller's trace.

    Its record is in the scope from here on.
    """
    record = scope[RECORD] = RequestRecord()
    if _in_request.get():
        # One that was sent before the last was answered begins in the context of that.
        clear_contextvars()
        current.set(None)
    _in_request.set(True)
    bind_contextvars(request=scope[REQUEST_ID])
    for name, value in scope["headers"]:
        if name == b"traceparent" and (caller := parse(value.decode("latin-1"))):
            current.set(caller)
            bind_contextvars(trace_id=caller.trace_id)
    return record
