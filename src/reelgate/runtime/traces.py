"""Sends traces to a collector, as OpenTelemetry's own environment variables say."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from reelgate.errors import ReelgateError
from reelgate.settings import Settings
from reelgate.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from reelgate.telemetry.traces import Traces

FLUSH_S = 3.0
"""How long the end of a process may wait for a collector that does not answer."""


@asynccontextmanager
async def open_traces(settings: Settings) -> AsyncIterator[Traces | None]:
    """Trace while the context lasts; None where the settings switch that off.

    Raises:
        ReelgateError: the libraries are not installed.
    """
    if settings.traces == "off":
        yield None
        return
    # 30 ms and 5 MB that a gateway without traces does without; and it may not be installed.
    try:
        from reelgate.telemetry.traces import Traces  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = "REELGATE_TRACES needs more packages: pip install 'reelgate[otel]'"
        raise ReelgateError(message) from error
    provider = tracer_provider()
    try:
        yield Traces(
            provider,
            tells_prompts=settings.trace_prompts,
            tells_upstreams=settings.trace_upstreams,
        )
    finally:
        await shut_down(provider)


def tracer_provider() -> TracerProvider:
    """What samples, batches and sends spans; everything about it is set by `OTEL_` variables."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from reelgate.telemetry.traces import VideoIds  # noqa: PLC0415

    ours = {
        "service.name": "reelgate",
        "service.version": VERSION,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    resource = Resource(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, id_generator=VideoIds(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


async def shut_down(provider: TracerProvider) -> None:
    """Send what is left, if somebody takes it soon.

    A thread of its own, which ends with the process: the event loop's would be waited for.
    """
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def send_rest() -> None:
        provider.shutdown()
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=send_rest, name="traces", daemon=True).start()
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), FLUSH_S)
