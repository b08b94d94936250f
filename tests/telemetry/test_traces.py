"""One trace for each video, from its caller to its webhook."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from reelgate.telemetry.traceparent import TraceParent, parse
from tests.gateway import SHORT, Gateway, a_gateway, a_prompt, soon, until
from tests.webhooks.receivers import SECRET, Receiver, a_receiver, says

from .collector import a_collector

CALLER = TraceParent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)
SENT = {"traceparent": CALLER.header}
STEPS = ["queue", "submit", "poll", "fetch"]


def hooks(receiver: Receiver) -> dict[str, object]:
    return {
        "webhook_url": receiver.url,
        "webhook_secret": SECRET,
        "webhook_allow_private": True,
    }


async def test_a_video_is_one_trace_that_goes_on_with_its_callers(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_collector(monkeypatch) as collector, a_receiver() as receiver:
        async with a_gateway(tmp_path, sandbox_url, traces="otlp", **hooks(receiver)) as gateway:
            prompt = a_prompt()
            reply = await gateway.generate(prompt, headers=SENT)
            [told] = await receiver.has(1)
        # Stopping has sent the rest.
        spans, bodies = collector.spans, collector.bodies
    assert {span.trace_id for span in spans} == {CALLER.trace_id}
    [root] = collector.named("generate_video")
    assert root.name == "generate_video imagine-text-to-video"
    assert root.parent_id == CALLER.span_id
    assert root.attributes["gen_ai.operation.name"] == "generate_video"
    assert root.attributes["gen_ai.request.model"] == "imagine-text-to-video"
    assert root.attributes["gen_ai.provider.name"] == "imagine-sandbox"
    assert root.attributes["reelgate.video.id"] == reply.video
    assert root.attributes["reelgate.cost"] > 0
    steps = [collector.named(name)[0] for name in STEPS]
    assert {step.parent_id for step in steps} == {root.span_id}
    assert root.begun_s <= steps[0].begun_s <= steps[-1].ended_s <= root.ended_s + 1e-3
    queue, submit, poll, fetch = steps
    assert [span.parent_id for span in collector.named("POST")] == [submit.span_id]
    asked = {span.parent_id for span in [*collector.named("GET"), *collector.named("HEAD")]}
    assert asked == {poll.span_id, fetch.span_id}
    [webhook] = collector.named("webhook video.completed")
    assert webhook.parent_id == root.span_id
    assert webhook.attributes["http.response.status_code"] == 204
    received = parse(told.headers["traceparent"])
    assert received == TraceParent(CALLER.trace_id, webhook.span_id, is_sampled=True)
    assert not any(prompt.encode() in body for body in bodies)
    assert queue.begun_s <= submit.begun_s


async def test_a_trace_goes_on_in_the_process_that_goes_on_with_the_job(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_collector(monkeypatch) as collector:
        prompt = a_prompt("[[ready after=1]]")
        async with a_gateway(tmp_path, sandbox_url, traces="otlp") as gateway:
            made = await gateway.call("POST", "/v1/videos", json={"prompt": prompt, **SHORT})
            await until(lambda: gateway.was_accepted(prompt))
            await soon(lambda: gateway.rows(prompt)[0]["state"] == "rendering")
        before = {span.name for span in collector.spans}
        async with a_gateway(tmp_path, sandbox_url, traces="otlp", trace_prompts=True) as gateway:
            await ended(gateway, made.body["id"])
    assert "submit" in before
    assert "fetch" not in before
    assert len({span.trace_id for span in collector.spans}) == 1
    [root] = collector.named("generate_video")
    assert root.parent_id == ""
    assert prompt in root.attributes["gen_ai.input.messages"]
    assert collector.named("fetch")[0].parent_id == root.span_id


async def test_a_failed_video_and_a_sampled_out_one(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsampled = TraceParent(CALLER.trace_id, CALLER.span_id, is_sampled=False)
    async with (
        a_collector(monkeypatch) as collector,
        a_gateway(tmp_path, sandbox_url, traces="otlp") as gateway,
    ):
        await gateway.generate(a_prompt(), headers={"traceparent": unsampled.header})
        await gateway.generate(a_prompt("[[402]]"))
        await soon(lambda: bool(collector.named("generate_video")))
    [root] = collector.named("generate_video")
    assert root.is_error
    assert root.attributes["error.type"] == "insufficient_credits"
    [submit] = collector.named("submit")
    assert submit.is_error
    assert CALLER.trace_id not in {span.trace_id for span in collector.spans}


async def ended(gateway: Gateway, video_id: str) -> None:
    async def is_over() -> bool:
        shown = await gateway.call("GET", f"/v1/videos/{video_id}")
        return bool(shown.body["status"] in {"completed", "failed"})

    await until(is_over)


async def test_without_traces_the_callers_is_passed_on_and_logged(
    tmp_path: Path, sandbox_url: str
) -> None:
    with capture_logs([merge_contextvars]) as lines:
        async with (
            a_receiver() as receiver,
            a_gateway(tmp_path, sandbox_url, **hooks(receiver)) as gateway,
        ):
            await gateway.generate(a_prompt(), headers=SENT)
            [told] = await receiver.has(1)
            await gateway.generate(a_prompt(), headers={"traceparent": "nonsense"})
            _, untold = await receiver.has(2)
    assert told.headers["traceparent"] == CALLER.header
    assert "traceparent" not in untold.headers
    traced = [line["event"] for line in lines if line.get("trace_id") == CALLER.trace_id]
    assert {"submit_accepted", "video_completed", "request"} <= set(traced)


@pytest.mark.parametrize("tells", [True, False])
async def test_upstreams_are_told_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tells: bool
) -> None:
    # Other stand-ins than imagine.art's may ask it something, too.
    async with a_collector(monkeypatch), a_receiver(*[says(402)] * 20) as upstream:
        url = upstream.url.removesuffix("/hook")
        async with a_gateway(tmp_path, url, traces="otlp", trace_upstreams=tells) as gateway:
            assert (await gateway.generate(a_prompt())).status == 402
    [submit] = [each for each in upstream.got if each.path == "/v1/video/upload"]
    assert ("traceparent" in submit.headers) is tells


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        (CALLER.header, True),
        (CALLER.header.replace("00-", "42-", 1) + "-more", True),
        (CALLER.header + "-more", False),
        (CALLER.header.replace("00-", "ff-", 1), False),
        (CALLER.header.upper(), False),
        (f"00-{'0' * 32}-{CALLER.span_id}-01", False),
        (f"00-{CALLER.trace_id}-{'0' * 16}-01", False),
        ("", False),
        (None, False),
    ],
)
def test_a_header_is_read_as_the_w3c_has_it(header: str | None, *, is_one: bool) -> None:
    assert parse(header) == (CALLER if is_one else None)
