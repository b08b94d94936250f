"""What a job leaves behind goes at once: buffers do not wait for Python's garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.gateway import Gateway, a_prompt

FAULTS = (
    "",
    "[[429 retry-after=0 times=1]]",
    "[[503 times=1]]",
    "[[status-503 times=1]]",
    "[[status-502 times=1]]",
    "[[asset-cut-off times=1]]",
    "[[fail after=0]]",
    "[[402]]",
    "[[reset-after]]",
)
OURS = ("reelgate.", "aiohttp.")


@pytest.fixture(autouse=True)
def only_this_test() -> Iterator[None]:
    """Before its gateway starts: to look through what a thousand tests hold takes seconds."""
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def garbage() -> Iterator[list[object]]:
    """Collects what only the garbage collector can find dead, and what holds it in circles."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def ours(objects: list[object]) -> list[str]:
    """The types of those that are the gateway's or its HTTP client's."""
    return [str(type(one)) for one in objects if type(one).__module__.startswith(OURS)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_job_leaves_nothing_to_the_collector_whatever_it_meets(
    gateway: Gateway, fault: str
) -> None:
    await gateway.generate(a_prompt())
    with garbage() as found:
        await gateway.generate(a_prompt(fault))
    assert ours(found) == []


async def test_a_request_that_a_transaction_refuses_leaves_nothing_to_the_collector(
    gateway: Gateway,
) -> None:
    key = {"Idempotency-Key": a_prompt()}
    await gateway.generate(a_prompt(), headers=key)
    with garbage() as found:
        refused = await gateway.generate(a_prompt(), headers=key)
    assert refused.code == "idempotency_mismatch"
    assert ours(found) == []


async def test_the_collector_would_find_what_is_held_in_a_circle() -> None:
    class Holder:
        __module__ = "reelgate.tests"
        itself: object = None

    with garbage() as found:
        holder = Holder()
        holder.itself = holder
        del holder
    assert len(ours(found)) == 1
