"""How jobs end that the upstream calls over without a video."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reelgate.jobs import poll as watch
from tests.gateway import Gateway, a_gateway, a_prompt


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ENDED_GRACE_S", 0.2)
    monkeypatch.setattr(watch, "ENDED_GAP_S", 0.1)


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("finished", 502, "upstream_failed"),
        ("expired", 502, "upstream_failed"),
        ("nsfw", 403, "moderation_blocked"),
    ],
)
async def test_an_end_without_a_video_fails_and_names_the_upstreams_word(
    gateway: Gateway, word: str, status: int, code: str
) -> None:
    prompt = a_prompt(f"[[ends as={word} after=0]]")
    reply = await gateway.generate(prompt)
    assert (reply.status, reply.code) == (status, code)
    assert f'(status "{word}")' in reply.body["detail"]
    assert len(await gateway.submits(prompt)) == 1


async def test_a_file_that_appears_after_the_word_is_found(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word comes first at some upstreams, and the file a little later."""
    monkeypatch.setattr(watch, "ENDED_GRACE_S", 30.0)
    reply = await gateway.generate(a_prompt("[[says as=finished]] [[ready after=0.2]]"))
    assert reply.status == 200


async def test_the_upstreams_reason_is_in_the_log_and_a_plain_one_is_told(
    gateway: Gateway,
) -> None:
    ends = '[[ends as=failed after=0 reason="All workers were busy."]]'
    with capture_logs() as logs:
        reply = await gateway.generate(a_prompt(ends))
    assert '"All workers were busy"' in reply.body["detail"]
    [line] = [line for line in logs if line["event"] == "video_failed"]
    assert line["upstream"] == "failed: All workers were busy."


@pytest.mark.parametrize(("times", "status", "submits"), [(1, 200, 2), (9, 403, 2)])
async def test_a_submit_that_moderation_refused_is_sent_once_more_where_that_is_asked(
    tmp_path: Path, sandbox_url: str, times: int, status: int, submits: int
) -> None:
    prompt = a_prompt(f"[[moderated at=submit times={times}]] [[ready after=0]]")
    async with a_gateway(tmp_path, sandbox_url, moderation_retry=True) as gateway:
        assert (await gateway.generate(prompt)).status == status
        assert len(await gateway.submits(prompt)) == submits
