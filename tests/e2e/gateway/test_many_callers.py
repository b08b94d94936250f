"""A thousand callers at once, and one process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.gateway import Gateway, a_prompt, callers, read_rows, settings_values

from .processes import allow_many_connections, start_gateway

CALLERS = 1000


async def test_a_thousand_blocking_callers_are_all_answered(
    tmp_path: Path, sandbox_url: str
) -> None:
    allow_many_connections()
    prompt = a_prompt()
    settings = settings_values(tmp_path, sandbox_url)
    program = await asyncio.to_thread(start_gateway, settings, tmp_path / "log")
    async with callers(timeout_s=100) as session:
        gateway = Gateway(program.url, session, tmp_path, sandbox_url)
        replies = await asyncio.gather(*(gateway.generate(prompt) for _ in range(CALLERS)))
        paid = {job["id"] for job in await gateway.accepted(prompt)}
        assert len(await gateway.submits(prompt)) == CALLERS
    program.terminate()
    assert await asyncio.to_thread(program.ended) == 0
    assert [reply.status for reply in replies] == [200] * CALLERS
    assert {reply.body["status"] for reply in replies} == {"COMPLETED"}
    assert {reply.body["id"] for reply in replies} == paid
    assert len(paid) == len({reply.video for reply in replies}) == CALLERS
    rows = read_rows(tmp_path)
    assert {row["id"] for row in rows} == {reply.video for reply in replies}
    assert {(row["state"], row["caller"]) for row in rows} == {("completed", "answered")}
    assert len(list((tmp_path / "videos").glob("**/*.mp4"))) == CALLERS
