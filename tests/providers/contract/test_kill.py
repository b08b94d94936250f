"""SIGKILL inside a submit to every registered provider at once: none is ever paid twice."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reelgate.domain.video import VideoRequest
from reelgate.net.client import HttpClient
from reelgate.providers.base import Match, Provider, can_reconcile, has_catalogue
from reelgate.providers.registry import PROVIDERS, SANDBOX_SUFFIX
from reelgate.runtime.postgres import SUBMIT_LEASE_S
from reelgate.sandbox import Sandbox
from reelgate.sandbox.faults import Operation
from tests.e2e.gateway.process import a_gateway_process, client_of
from tests.gateway import GIVE_UP_S, TINY, read_rows, soon

from .conftest import PATIENCE_S, stand_in

HELD = "[[late after=600]]"
"""The stand-in takes the job, and nobody hears of it."""
OVER = {"completed", "failed"}
FOUND = "completed"
UNKNOWN = "submission_unknown"
NAMED = "submission_unknown, with the job that it may be"


@pytest.mark.parametrize(
    "database_kind",
    [
        "sqlite",
        # Another process waits for `SUBMIT_LEASE_S` before it takes such a submit for lost.
        pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
    indirect=True,
)
async def test_killed_inside_the_submit_to_each_provider_none_is_paid_twice(
    tmp_path: Path,
) -> None:
    async with Sandbox(replace(TINY, listing="markers")) as sandbox, HttpClient() as http:
        providers = {name: stand_in(name, http, sandbox) for name in PROVIDERS}
        for provider in providers.values():
            if has_catalogue(provider):
                provider.use_catalogue(await provider.fetch_catalogue())
        asked = {
            name: provider.models[0].request(prompt=f"a lighthouse for {name} {HELD}")
            for name, provider in providers.items()
        }
        own = {"_env_file": None, "sandbox_url": sandbox.url}
        accounts = dict.fromkeys(PROVIDERS, own)
        async with a_gateway_process(tmp_path, sandbox.url, providers=accounts) as process:
            async with client_of(process, sandbox.url) as gateway:
                for name, request in asked.items():
                    model = providers[name].models[0].names[1]
                    body = {"model": model, "prompt": request.prompt}
                    reply = await gateway.call("POST", "/v1/videos", json=body)
                    assert reply.status == 200, reply.text
                await soon(lambda: len(sandbox.jobs) == len(PROVIDERS))
                await process.kill()
            lost = rows_of(tmp_path)
            assert {row["state"] for row in lost.values()} == {"submitting"}
            expected = {
                name: await told_of(providers[name], request, lost[name])
                for name, request in asked.items()
            }
            await process.start()
            await soon(
                lambda: {row["state"] for row in read_rows(tmp_path)} <= OVER,
                give_up_s=GIVE_UP_S + SUBMIT_LEASE_S,
            )
        paid = {name: paid_for(sandbox, request.prompt) for name, request in asked.items()}
        rows = rows_of(tmp_path)
        assert {name: ending_of(row, paid[name]) for name, row in rows.items()} == expected
        assert set(expected.values()) >= {FOUND, UNKNOWN}


def rows_of(data_dir: Path) -> dict[str, dict[str, Any]]:
    """The one job of each provider."""
    rows = read_rows(data_dir)
    assert len(rows) == len(PROVIDERS)
    return {row["provider"].removesuffix(SANDBOX_SUFFIX): row for row in rows}


async def told_of(provider: Provider, request: VideoRequest, row: dict[str, Any]) -> str:
    """How a job may end at best, by what its provider's own list tells of it."""
    if not can_reconcile(provider):
        return UNKNOWN
    since, marker = row["submitting_at"], row["marker"]
    async with asyncio.timeout(PATIENCE_S):
        # Some lists hold finished jobs only.
        while not (found := await provider.reconcile(request, since, marker=marker)):
            pass
    [candidate] = found
    return NAMED if candidate.match is Match.HINT else FOUND


def paid_for(sandbox: Sandbox, prompt: str) -> str:
    """The one job of a prompt, which was submitted once."""
    sent = [entry for entry in sandbox.recorder if entry.operation is Operation.SUBMIT]
    assert len([entry for entry in sent if entry.prompt == prompt]) == 1
    [job] = [job for job in sandbox.jobs if job.clip.prompt == prompt]
    return job.id


def ending_of(row: dict[str, Any], paid: str) -> str:
    """How a job has ended whose submit made this job at its provider."""
    if row["state"] == FOUND:
        assert row["provider_id"] == paid
        return FOUND
    failure = json.loads(row["failure"])
    assert (failure["code"], row["provider_id"]) == (UNKNOWN, None)
    return NAMED if paid in failure["message"] else UNKNOWN
