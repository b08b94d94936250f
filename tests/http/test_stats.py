"""Numbers for operators, and what the next video is likely to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway import SHORT, Gateway, a_gateway, a_prompt

from .test_sessions import KEY

OWNER = {"Authorization": f"Bearer {KEY}"}
UNKNOWN = {"times": None, "cost": None, "cost_unit": None}
ESTIMATE = "/v1/estimate?model=imagine-text-to-video&duration=5&resolution=720p"


async def stats(gateway: Gateway, headers: dict[str, str] | None = None) -> dict[str, object]:
    reply = await gateway.call("GET", "/v1/stats", headers=headers)
    assert reply.status == 200, reply
    return dict(reply.body)


@pytest.mark.both_databases
async def test_an_operator_sees_how_jobs_ended_and_what_they_cost(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        empty = await stats(gateway)
        assert (empty["days"], empty["failures"]) == ([], [])
        for _ in range(3):
            assert (await gateway.generate(a_prompt())).status == 200
        assert (await gateway.generate(a_prompt("[[moderated]]"))).status != 200
        told = await stats(gateway)
        [day] = list(told["days"])  # type: ignore[call-overload]
        assert (day["jobs"], day["completed"], day["failed"]) == (4, 3, 1)
        assert day["credits"] > 0
        assert told["states"]["completed"] == 3  # type: ignore[index]
        assert [each["jobs"] for each in told["failures"]] == [1]  # type: ignore[attr-defined]
        credentials = {each["provider"]: each["credits"] for each in told["credentials"]}  # type: ignore[attr-defined]
        assert credentials["imagine-sandbox"] > 0
        assert told["kept"]["jobs"] == 3  # type: ignore[index]
        polls = told["polls"]
        assert polls["polls"] >= polls["jobs"] >= 3  # type: ignore[index]


@pytest.mark.both_databases
async def test_the_next_video_takes_about_what_earlier_ones_took(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        unknown = (await gateway.call("GET", ESTIMATE)).body
        shortest_s, longest_s = unknown.pop("typical_s")
        assert (unknown, 0 < shortest_s < longest_s) == (UNKNOWN, True)
        for _ in range(3):
            assert (await gateway.generate(a_prompt())).status == 200
        told = (await gateway.call("GET", ESTIMATE)).body
        assert told["cost"] > 0
        times = told["times"]
        assert 0 < times["p10_s"] <= times["p50_s"] <= times["p90_s"]
        assert times["jobs"] == 3
        assert max(times["curve"]) > 0
        other = ESTIMATE.replace("duration=5", "duration=12")
        assert UNKNOWN.items() <= (await gateway.call("GET", other)).body.items()
        wrong = await gateway.call("GET", ESTIMATE.replace("duration=5", "duration=7"))
        assert (wrong.status, wrong.body["errors"][0]["param"]) == (422, "duration")
        assert (await gateway.call("GET", "/v1/estimate?model=none")).status == 404


async def test_pages_of_other_origins_learn_nothing(tmp_path: Path, sandbox_url: str) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        for path in ("/v1/stats", ESTIMATE):
            reply = await gateway.call("GET", path, headers=foreign)
            assert (reply.status, reply.code) == (403, "foreign_origin")


async def test_the_log_of_webhooks_is_that_of_ones_own_video(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        body = {"prompt": a_prompt(), **SHORT}
        made = await gateway.call("POST", "/v1/videos", json=body, headers=OWNER)
        path = f"/v1/videos/{made.body['id']}/webhooks"
        told = await gateway.call("GET", path, headers=OWNER)
        assert told.body == {"object": "list", "data": []}
        assert (await gateway.call("GET", path)).status == 401
        missing = path.replace("video_", "video_0")
        assert (await gateway.call("GET", missing, headers=OWNER)).status == 404
