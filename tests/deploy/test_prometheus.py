"""The dashboard and the alerts, held to the code and read by a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import socket
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reelgate.telemetry.instruments import Histogram
from reelgate.telemetry.metrics import Metrics
from scripts import dashboard
from tests.gateway import Gateway, a_gateway, a_prompt, until

ROOT = Path(__file__).resolve().parent.parent.parent
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
TEST_OF_ALERTS = Path(__file__).parent / "alerts_test.yaml"
WRITTEN = (*(ROOT / "deploy").rglob("*.yaml"), *(ROOT / "deploy").rglob("*.json"))

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="there is no Prometheus",
)


def series() -> Iterator[str]:
    """Every name that a scrape can tell."""
    for metric in Metrics().instruments():
        yield metric.name
        if isinstance(metric, Histogram):
            yield from (f"{metric.name}_{part}" for part in ("bucket", "sum", "count"))


def test_the_dashboard_is_what_its_script_writes() -> None:
    """`make docs` writes it anew."""
    assert dashboard.FILE.read_text(encoding="utf-8") == dashboard.text()


def test_alerts_and_dashboard_name_only_metrics_that_there_are() -> None:
    known = set(series())
    named = {
        name
        for file in WRITTEN
        for name in re.findall(r"\breelgate_\w+", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert named - known == set()


@needs_prometheus
async def test_alerts_speak_up_when_they_should_and_not_when_all_is_well(tmp_path: Path) -> None:
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(TEST_OF_ALERTS, tmp_path)
    for command in (("check", "rules", ALERTS.name), ("test", "rules", TEST_OF_ALERTS.name)):
        program = await create_subprocess_exec("promtool", *command, cwd=tmp_path)
        assert await program.wait() == 0


@needs_prometheus
async def test_a_real_prometheus_scrapes_a_gateway_and_evaluates_everything(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path / "gateway", sandbox_url) as gateway:
        await gateway.generate(a_prompt())
        async with a_prometheus(tmp_path, gateway) as prometheus:
            created = Metrics().created.name

            async def is_scraped() -> bool:
                found = await prometheus.query(f'sum({created}{{job="reelgate"}})')
                return [sample["value"][1] for sample in found] == ["1"]

            await until(is_scraped)
            for panel in dashboard.dashboard()["panels"]:
                for line in panel.get("targets", ()):
                    await prometheus.query(as_if_in_grafana(line["expr"]))
            rules = [rule for group in await prometheus.rules() for rule in group["rules"]]
            assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
            firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
            assert firing == []


def as_if_in_grafana(expr: str) -> str:
    """An expression with its variables filled in."""
    return expr.replace("$__rate_interval", "1m").replace("$job", "reelgate")


class Prometheus:
    """A server that runs."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def query(self, expr: str) -> list[dict[str, Any]]:
        found = await self._ask("query", query=expr)
        return list(found["result"])

    async def rules(self) -> list[dict[str, Any]]:
        return list((await self._ask("rules"))["groups"])

    async def is_up(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def _ask(self, what: str, **params: str) -> dict[str, Any]:
        url = f"{self._url}/api/v1/{what}"
        async with self._session.get(url, params=params) as response:
            told = await response.json()
            assert response.status == 200, f"{params}: {told}"
            return dict(told["data"])


@asynccontextmanager
async def a_prometheus(folder: Path, gateway: Gateway) -> AsyncIterator[Prometheus]:
    """A server of its own, which scrapes one gateway many times a second."""
    config = {
        "global": {"scrape_interval": "100ms", "evaluation_interval": "100ms"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {
                "job_name": "reelgate",
                "static_configs": [{"targets": [gateway.url.removeprefix("http://")]}],
            }
        ],
    }
    file = folder / "prometheus.json"
    file.write_text(json.dumps(config))
    port = free_port()
    process = await create_subprocess_exec(
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            server = Prometheus(f"http://127.0.0.1:{port}", session)
            await until(server.is_up)
            yield server
    finally:
        process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
