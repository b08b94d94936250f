"""The OpenAPI document: valid, complete, and kept to by a running gateway."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gateway.processes import start_gateway
from tests.gateway import settings_values

from .jobs import PROBLEM, JobsGateway
from .test_sessions import KEY

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
PATHS = {
    "/health": {"get"},
    "/ready": {"get"},
    "/v1/imagine-text-to-video/generations": {"post"},
    "/v1/models": {"get"},
    "/v1/models/{model}": {"get"},
    "/v1/videos": {"get", "post"},
    "/v1/videos/characters": {"post"},
    "/v1/videos/characters/{character_id}": {"get"},
    "/v1/videos/edits": {"post"},
    "/v1/videos/extensions": {"post"},
    "/v1/videos/sync": {"post"},
    "/v1/videos/{video_id}": {"get", "delete"},
    "/v1/videos/{video_id}/cancel": {"post"},
    "/v1/videos/{video_id}/content": {"get"},
    "/v1/videos/{video_id}/events": {"get"},
    "/v1/videos/{video_id}/remix": {"post"},
    "/v1/{model}/generations": {"post"},
}


async def document_of(gateway: JobsGateway) -> dict[str, Any]:
    return dict((await gateway.call("GET", "/openapi.json")).body)


async def test_every_route_is_in_the_document(gateway: JobsGateway) -> None:
    paths = (await document_of(gateway))["paths"]
    assert {path: set(paths[path]) for path in PATHS} == PATHS


async def test_every_error_is_told_as_problem_details(gateway: JobsGateway) -> None:
    document = await document_of(gateway)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                # That a gateway is not ready is no error of the request.
                if not status.startswith(("2", "3")) and (path, status) != ("/ready", "503"):
                    assert set(response["content"]) == {PROBLEM}, operation["summary"]


async def test_every_operation_tells_whether_it_asks_for_a_key(gateway: JobsGateway) -> None:
    document = await document_of(gateway)
    [(name, scheme)] = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            asks = path.startswith("/v1/")
            # The empty requirement: where there are no keys, none is asked for.
            assert operation.get("security") == ([{name: []}, {}] if asks else None), path
            assert not asks or {"401", "403"} <= set(operation["responses"])


async def test_an_address_names_all_its_methods(gateway: JobsGateway) -> None:
    reply = await gateway.call("PATCH", "/v1/videos/video_0")
    assert reply.status == 405
    assert {"GET", "DELETE"} <= set(reply.headers["Allow"].split(", "))


@pytest.mark.slow
async def test_a_running_gateway_keeps_to_its_document(tmp_path: Path, sandbox_url: str) -> None:
    """Good and bad requests to every route: no 5xx, and every answer as it is documented.

    `positive_data_acceptance` is left out: which ratio, size and length go together is each
    model's own, told by `GET /v1/models` and not by a schema.
    """
    settings = settings_values(tmp_path, sandbox_url, log_level="error", bootstrap_key=KEY)
    program = start_gateway(settings, tmp_path / "log")
    document = f"{program.url}/openapi.json"
    # The body of `extensions` is that of `edits`: once is enough. `sync` waits for its videos, and
    # is tried beside the others.
    others = ("--exclude-path=/v1/videos/extensions", "--exclude-path=/v1/videos/sync")
    runs = await asyncio.gather(
        checked(document, tmp_path, *others),
        checked(document, tmp_path, "--include-path=/v1/videos/sync"),
    )
    program.terminate()
    assert program.ended() == 0
    assert [returncode for returncode, _ in runs] == [0, 0], runs


async def checked(document: str, folder: Path, *arguments: str) -> tuple[int | None, str]:
    """How a run of schemathesis ended, and what it printed."""
    run = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        "run",
        document,
        "--checks=all",
        "--exclude-checks=positive_data_acceptance",
        "--max-examples=3",
        # One: Python 3.11 cannot parse source in several threads, which Hypothesis does.
        "--workers=1",
        # Nobody waits for a hundred videos here.
        "--header=Prefer: wait=0",
        # It makes keys, after which nobody comes in without one.
        f"--header=Authorization: Bearer {KEY}",
        "--generation-deterministic",
        "--no-color",
        *arguments,
        cwd=folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await run.communicate()
    return run.returncode, output.decode()
