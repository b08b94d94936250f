"""What Prometheus learns, and who may ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from reelgate.domain.api_keys import BOOTSTRAP_ID
from reelgate.sandbox import Sandbox
from tests.gateway import SHORT, TINY, a_gateway, a_prompt, soon, until
from tests.webhooks.receivers import SECRET, a_receiver, says

from .scrapes import Scraped, scrape, two_free_ports
from .test_sessions import KEY

METRICS_KEY = "scraper-" + "k" * 20


@pytest.mark.both_databases
async def test_metrics_agree_with_what_the_upstream_has_seen(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        for directive, status in (("", 200), ("[[429 times=1]]", 200), ("[[402]]", 402)):
            assert (await gateway.generate(a_prompt(directive))).status == status
        body = {"prompt": a_prompt("[[never]]"), **SHORT}
        never = (await gateway.call("POST", "/v1/videos", json=body)).body["id"]

        async def is_rendering() -> bool:
            shown = await gateway.call("GET", f"/v1/videos/{never}")
            return bool(shown.body["status"] == "in_progress")

        await until(is_rendering)
        unknown = await gateway.call("POST", "/v1/videos", json={"model": "made-up", "prompt": "x"})
        assert unknown.status == 404
        found = await scrape(gateway)
        seen: Counter[tuple[str, ...]] = Counter(
            (each.method, str(each.status)) for each in sandbox.recorder
        )
        accepted = [job.as_json() for job in sandbox.jobs]
    told = found.by("reelgate_upstream_requests_total", "method", "code")
    # A poll of the video that never gets ready may be on its way.
    assert all(seen[each] - 1 <= count <= seen[each] for each, count in told.items())
    assert told["POST", "429"] == told["POST", "402"] == 1
    assert told["POST", "200"] == len(accepted) == 3
    assert found.value("reelgate_jobs_created_total") == 4
    assert found.by("reelgate_jobs_finished_total", "code") == {
        ("completed",): 2,
        ("submission_unknown",): 0,
        ("insufficient_credits",): 1,
    }
    assert found.by("reelgate_submits_total", "outcome") == {
        ("accepted",): 3,
        ("refused",): 1,
        ("insufficient_credits",): 1,
    }
    assert found.by("reelgate_jobs", "state", "model") == {
        ("rendering", "imagine-text-to-video"): 1
    }
    assert found.value("reelgate_oldest_job_age_seconds", state="rendering") > 0
    spent = sum(job["cost"] for job in accepted)
    assert found.value("reelgate_spend_today", unit="credits") == spent
    left = found.value("reelgate_credits_left", provider="imagine-sandbox")
    assert left == TINY.credits - spent
    for histogram in ("generation_seconds", "unseen_seconds", "ready_to_answered_seconds"):
        assert found.value(f"reelgate_{histogram}_count") == 2
        assert found.value(f"reelgate_{histogram}_bucket", le="+Inf") == 2
    assert found.value("reelgate_polls_per_job_count") == 2
    assert found.value("reelgate_build_info") == 1
    assert "made-up" not in found.text
    assert never not in found.text


async def test_openmetrics_is_spoken_to_who_asks_for_it(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        reply = await gateway.call("GET", "/metrics", headers=accept)
        assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
        assert reply.text.endswith("# EOF\n")


async def test_what_became_of_webhooks_is_counted(tmp_path: Path, sandbox_url: str) -> None:
    async with (
        a_receiver(says(500)) as receiver,
        a_gateway(
            tmp_path,
            sandbox_url,
            webhook_url=receiver.url,
            webhook_secret=SECRET,
            webhook_allow_private=True,
        ) as gateway,
    ):
        await gateway.generate(a_prompt())
        assert len(await receiver.has(2)) == 2

        async def is_counted() -> bool:
            counts = (await scrape(gateway)).by("reelgate_webhook_attempts_total", "outcome")
            return counts == {("failed",): 1, ("delivered",): 1}

        await until(is_counted)


async def test_with_keys_only_the_operator_and_the_scraper_may_ask(
    tmp_path: Path, sandbox_url: str
) -> None:
    operator = {"Authorization": f"Bearer {KEY}"}
    scraper = {"Authorization": f"Bearer {METRICS_KEY}"}
    async with a_gateway(tmp_path / "a", sandbox_url, bootstrap_key=KEY) as gateway:
        assert (await gateway.call("GET", "/metrics")).status == 401
        assert (await gateway.call("GET", "/metrics", headers=scraper)).status == 401
        await scrape(gateway, **operator)
    settings = {"bootstrap_key": KEY, "metrics_key": METRICS_KEY}
    async with a_gateway(tmp_path / "b", sandbox_url, **settings) as gateway:
        assert (await gateway.call("GET", "/metrics", headers=operator)).status == 401
        await scrape(gateway, **scraper)
        assert (await gateway.call("GET", "/v1/videos", headers=scraper)).status == 401


async def test_without_keys_no_page_and_no_proxy_may_ask(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        for headers in ({"Origin": "https://evil.example"}, {"X-Forwarded-For": "192.0.2.7"}):
            reply = await gateway.call("GET", "/metrics", headers=headers)
            assert reply.status == 403, headers


async def test_each_process_of_a_machine_has_a_port_of_its_own_for_its_metrics(
    tmp_path: Path, sandbox_url: str
) -> None:
    base = two_free_ports()
    async with (
        a_gateway(tmp_path / "a", sandbox_url, metrics_port=base) as first,
        a_gateway(tmp_path / "b", sandbox_url, metrics_port=base) as second,
    ):
        assert (await first.call("GET", "/metrics")).status == 404
        await second.generate(a_prompt())
        counts = [
            Scraped(await text_of(first.session, port)).value("reelgate_jobs_created_total")
            for port in (base, base + 1)
        ]
    assert counts == [0, 1]


async def test_a_request_has_one_line_that_tells_its_end(tmp_path: Path, sandbox_url: str) -> None:
    with capture_logs([merge_contextvars]) as lines:
        async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
            key = {"Authorization": f"Bearer {KEY}"}
            made = await gateway.generate(a_prompt(), headers=key)
            shown = await gateway.call("GET", f"/v1/videos/{made.video}", headers=key)
            await gateway.call("GET", "/health")
            missing = await gateway.call("GET", "/nowhere")
            requests = [each.headers["X-Request-Id"] for each in (made, shown, missing)]
            await soon(lambda: len(events(lines, "request")) >= 3)
    told = {line["request"]: line for line in events(lines, "request")}
    assert told.keys() == set(requests)
    first, second, third = (told[request] for request in requests)
    assert (first["log_level"], first["method"], first["status"]) == ("info", "POST", 200)
    assert first["duration_ms"] > 0
    assert second["route"] == "/v1/videos/{video_id}"
    assert first["video"] == second["video"] == made.video
    assert first["key"] == second["key"] == BOOTSTRAP_ID
    assert (third["route"], third["status"]) == ("unmatched", 404)
    [job] = events(lines, "video_completed")
    assert (job["request"], job["video"]) == (requests[0], made.video)


def events(lines: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The lines of the log with this event."""
    return [line for line in lines if line["event"] == name]


async def text_of(session: aiohttp.ClientSession, port: int) -> str:
    async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert response.status == 200
        return await response.text()
