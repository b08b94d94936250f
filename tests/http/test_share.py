"""Links that show one video until they expire."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.domain.signed import signed
from tests.gateway import SHORT, Gateway, a_gateway, a_prompt

from .jobs import JobsGateway
from .test_sessions import KEY, RENEWED

PATIENT = {"Authorization": f"Bearer {KEY}"}


async def finished(gateway: Gateway, headers: dict[str, str]) -> str:
    reply = await gateway.generate(a_prompt(), headers=headers)
    assert reply.status == 200, reply
    return reply.video


async def token_of(gateway: Gateway, video: str, headers: dict[str, str]) -> str:
    reply = await gateway.call("POST", f"/v1/videos/{video}/share", headers=headers)
    assert reply.status == 200, reply
    assert reply.body["url"].startswith(f"{gateway.url}/#/shared/")
    return str(reply.body["url"]).rpartition("/")[2]


async def test_a_link_shows_one_video_and_nothing_else(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        video = await finished(gateway, PATIENT)
        token = await token_of(gateway, video, PATIENT)
        told = await gateway.call("GET", f"/shared/{token}")
        assert told.status == 200
        assert set(told.body) == {"prompt", "model", "created_at", "expires_at"}
        head = {"Range": "bytes=0-15"}
        async with gateway.session.get(
            f"{gateway.url}/shared/{token}/content", headers=head
        ) as film:
            assert film.status == 206
            assert (await film.read())[4:8] == b"ftyp"
        for path in ("/v1/videos", f"/v1/videos/{video}", f"/v1/videos/{video}/content"):
            reply = await gateway.call("GET", path, headers={"Authorization": f"Bearer {token}"})
            assert reply.status == 401
            cookie = {"Cookie": f"reelgate_session={token}"}
            assert (await gateway.call("GET", path, headers=cookie)).status == 401
        assert (await gateway.call("DELETE", f"/shared/{token}")).status == 405
    # Its key's new secret ends it.
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=RENEWED) as gateway:
        assert (await gateway.call("GET", f"/shared/{token}")).status == 404


async def test_without_keys_a_link_outlives_a_restart(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        video = await finished(gateway, {})
        token = await token_of(gateway, video, {})
    assert (tmp_path / "links.key").stat().st_mode & 0o777 == 0o600
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        assert (await gateway.call("GET", f"/shared/{token}")).status == 200
        await gateway.call("DELETE", f"/v1/videos/{video}")
        assert (await gateway.call("GET", f"/shared/{token}")).status == 404


async def test_a_link_that_is_over_or_made_up_shows_nothing(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        video = await finished(gateway, {})
        token = await token_of(gateway, video, {})
        secret = (tmp_path / "links.key").read_bytes()
        over = signed(f":{video}", purpose="share", until=1_700_000_000, secret=secret)
        session = signed(f":{video}", purpose="session", until=9_000_000_000, secret=secret)
        for wrong in (over, session, token[:-1], token.replace("video_", "video_0"), "x", "%00"):
            for path in (f"/shared/{wrong}", f"/shared/{wrong}/content"):
                reply = await gateway.call("GET", path)
                assert (reply.status, reply.code) == (404, "video_not_found"), path


@pytest.mark.parametrize("seconds", [0, 59, -1, 10**9, "soon", None])
async def test_a_link_works_for_a_minute_to_a_year(gateway: JobsGateway, seconds: object) -> None:
    made = await gateway.call("POST", "/v1/videos", json={"prompt": a_prompt(), **SHORT})
    path = f"/v1/videos/{made.body['id']}/share"
    reply = await gateway.call("POST", path, json={"expires_in_s": seconds})
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert reply.body["errors"][0]["param"] == "expires_in_s"
