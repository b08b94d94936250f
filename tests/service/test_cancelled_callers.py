"""Callers whose task is cancelled in the middle of a use case."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reelgate.runtime.gateway import open_gateway
from reelgate.service.videos import NewVideo, Service
from reelgate.settings import Settings
from tests.gateway import a_prompt, settings_values

STEPS = range(1, 12)
"""Turns of the event loop, in the last of which a creation waits for its commit."""


async def test_a_job_is_carried_wherever_its_caller_is_cancelled(
    tmp_path: Path, sandbox_url: str
) -> None:
    values = settings_values(tmp_path, sandbox_url)
    async with open_gateway(Settings.model_validate(values)) as ctx:
        # The first one also counts what there is, for which the others need not wait.
        assert await cancelled_after(0, ctx.service)
        found = await asyncio.gather(*(cancelled_after(steps, ctx.service) for steps in STEPS))
    assert all(found)


async def cancelled_after(steps: int, service: Service) -> bool:
    """Whether a job ends whose caller is cancelled after so many turns."""
    model = service.catalog.find(service.catalog.default)
    request = model.request(prompt=a_prompt("[[ready after=0]]"), duration=5)
    options = service.admission_options(idempotency_key=str(steps))
    creating = asyncio.create_task(service.create(NewVideo(request=request, owner=""), options))
    for _ in range(steps):
        await asyncio.sleep(0)
    creating.cancel()
    await asyncio.wait([creating])
    # The same request finds the job that was made, or makes it.
    video, _ = await service.create(NewVideo(request=request, owner=""), options)
    never = asyncio.get_running_loop().create_future()
    return (await service.wait(video.id, 30.0, never)).is_over
