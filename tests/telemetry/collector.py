"""A collector of traces, which speaks OpenTelemetry's protocol over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Exported:
    """A span as it arrived; ids in hexadecimal, no parent: empty."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    begun_s: float
    ended_s: float
    attributes: dict[str, Any]
    is_error: bool


@dataclass
class Collector:
    """Keeps every span that it gets."""

    url: str = ""
    spans: list[Exported] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += map(exported, scope.spans)
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Exported]:
        """The spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(name)]


def exported(span: Span) -> Exported:
    return Exported(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        begun_s=span.start_time_unix_nano / 1e9,
        ended_s=span.end_time_unix_nano / 1e9,
        attributes={
            each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
            for each in span.attributes
        },
        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
    )


@asynccontextmanager
async def a_collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A collector that gateways of this process send their spans to."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    try:
        yield collector
    finally:
        await runner.cleanup()
