"""Runway's own client against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from runwayml import AsyncRunwayML, BadRequestError, NotFoundError

from reelgate.sandbox import Sandbox


def client_of(sandbox: Sandbox, key: str = "any") -> AsyncRunwayML:
    return AsyncRunwayML(api_key=key, base_url=f"{sandbox.url}/runway", max_retries=0)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncRunwayML]:
    async with client_of(sandbox) as opened:
        yield opened


async def test_runways_client_makes_and_reads_a_video(client: AsyncRunwayML) -> None:
    left = (await client.organization.retrieve()).credit_balance
    made = await client.text_to_video.create(
        model="veo3.1", prompt_text="a cat [[ready after=0]]", ratio="720:1280", duration=4
    )
    task = await client.tasks.retrieve(made.id)
    while task.status != "SUCCEEDED":
        task = await client.tasks.retrieve(made.id)
    assert task.cost.credits == 4
    assert (await client.organization.retrieve()).credit_balance == left - 4
    file = await client._client.get(task.output[0])
    assert file.content[4:8] == b"ftyp"


async def test_the_stand_in_complains_of_polls_that_come_too_soon(
    client: AsyncRunwayML, sandbox: Sandbox
) -> None:
    made = await client.text_to_video.create(
        model="veo3.1", prompt_text="a cat [[never]]", ratio="720:1280"
    )
    while not any("asked for again" in (each.message or "") for each in sandbox.recorder):
        await client.tasks.retrieve(made.id)


async def test_runways_client_sees_a_throttled_task_and_deletes_it(client: AsyncRunwayML) -> None:
    made = await client.image_to_video.create(
        model="gen4_turbo",
        prompt_image="data:image/png;base64,iVBORw0KGgo=",
        prompt_text="a cat [[never]][[says as=THROTTLED]]",
        ratio="1280:720",
    )
    assert (await client.tasks.retrieve(made.id)).status == "THROTTLED"
    await client.tasks.delete(made.id)
    with pytest.raises(NotFoundError):
        await client.tasks.retrieve(made.id)


async def test_runways_client_understands_failures_and_refusals(
    client: AsyncRunwayML, sandbox: Sandbox
) -> None:
    made = await client.text_to_video.create(
        model="veo3.1", prompt_text="a cat [[moderated]]", ratio="1280:720"
    )
    task = await client.tasks.retrieve(made.id)
    assert task.status == "FAILED"
    assert task.failure_code == "SAFETY.OUTPUT.VIDEO"
    assert task.cost.credits == 0
    sandbox.provider.account.credits = 0
    with pytest.raises(BadRequestError, match="not have enough credits"):
        await client.text_to_video.create(model="veo3.1", prompt_text="a", ratio="1280:720")
