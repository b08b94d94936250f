"""Tells of each request that an HTTP client of ours makes, by aiohttp's own interface for that."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import aiohttp

from reelgate.telemetry.telemetry import Telemetry

NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientSSLError,
    aiohttp.ConnectionTimeoutError,
)


def upstream_requests(
    telemetry: Telemetry, account: str, *, is_foreign: bool
) -> aiohttp.TraceConfig:
    """Counts and traces requests to an upstream account, each hop of a redirect as one.

    `is_foreign`: they go to where an answer has led.
    """
    metrics, traces = telemetry.metrics, telemetry.traces
    config = aiohttp.TraceConfig()

    async def began(
        _session: aiohttp.ClientSession,
        request: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        request.began_s = time.monotonic()
        request.span = None
        began = traces and traces.request_began(params.method, params.url, is_foreign=is_foreign)
        if began:
            request.span, headers = began
            params.headers.update(headers)

    async def answered(
        _session: aiohttp.ClientSession,
        request: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        metrics.upstream.add(account, params.method, str(params.response.status))
        seconds = time.monotonic() - request.began_s
        metrics.upstream_time.observe(seconds, account, params.method)
        if traces and request.span:
            traces.answered(request.span, params.response.status)

    async def failed(
        _session: aiohttp.ClientSession,
        request: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        code = code_of(params.exception)
        metrics.upstream.add(account, params.method, code)
        if traces and request.span:
            traces.failed(request.span, code)

    config.on_request_start.append(began)
    config.on_request_end.append(answered)
    config.on_request_exception.append(failed)
    return config


def code_of(failure: BaseException) -> str:
    """What stands in place of the status of an answer that never came."""
    if isinstance(failure, NEVER_SENT):
        return "connect"
    # A limit of ours on the whole request cancels it from outside.
    return "timeout" if isinstance(failure, TimeoutError | asyncio.CancelledError) else "broken"
