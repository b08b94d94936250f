"""The one cache: values that are used for a while, each loaded once however many ask for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reelgate.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Entry(Generic[V]):
    """A value, and until when it is used, in monotonic seconds."""

    value: V
    until_s: float


@dataclass(frozen=True, slots=True)
class Loading(Generic[V]):
    """A value that is being loaded, and since when, in monotonic seconds."""

    task: asyncio.Task[V]
    began_s: float


class Cache(Generic[K, V]):
    """Values by key with a time to live, which counts from the moment a load begins.

    Whoever asks while a value is loaded shares that load, and whoever stops waiting for it does not
    end it. A load that fails is not remembered.
    """

    def __init__(
        self,
        ttl_s: float,
        clock: Clock,
        *,
        max_size: int | None = None,
        serves_stale: bool = False,
    ) -> None:
        """Keep at most `max_size` values, the latest.

        `serves_stale`: of all who find a value out of date one loads it anew, and the others use
        the old one meanwhile, or for as long again if that fails.
        """
        self._ttl_s = ttl_s
        self._clock = clock
        self._max_size = max_size
        self._serves_stale = serves_stale
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._loading: dict[K, Loading[V]] = {}

    def latest(self, key: K) -> V | None:
        """The value that was loaded last, however long ago; None without any."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    async def get(
        self,
        key: K,
        load: Callable[[], Coroutine[Any, Any, V]],
        *,
        timeout_s: float | None = None,
    ) -> V:
        """The value of a key; `load` gets it where there is none that is fresh.

        Raises:
            TimeoutError: a load has not ended `timeout_s` after it began; it goes on.
            Exception: whatever `load` raises.
        """
        entry = self._entries.get(key)
        now_s = self._clock.monotonic()
        if entry is not None and now_s < entry.until_s:
            return entry.value
        loading = self._loading.get(key)
        if entry is not None and self._serves_stale:
            if loading is not None:
                return entry.value
            entry.until_s = now_s + self._ttl_s
        if loading is None:
            task = asyncio.create_task(self._load(key, load, now_s))
            task.add_done_callback(retrieve)
            loading = self._loading[key] = Loading(task, now_s)
        if timeout_s is None:
            return await asyncio.shield(loading.task)
        async with asyncio.timeout(max(0.0, loading.began_s + timeout_s - now_s)):
            return await asyncio.shield(loading.task)

    async def reload(self, key: K, load: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The value of a key as it is now: a load under way may have begun too early."""
        loading = self._loading.get(key)
        if loading is not None:
            await asyncio.wait({loading.task})
        self._entries.pop(key, None)
        return await self.get(key, load)

    async def close(self) -> None:
        """End the loads under way."""
        tasks = [loading.task for loading in self._loading.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _load(self, key: K, load: Callable[[], Coroutine[Any, Any, V]], began_s: float) -> V:
        try:
            value = await load()
        finally:
            del self._loading[key]
        self._entries[key] = Entry(value, began_s + self._ttl_s)
        self._entries.move_to_end(key)
        if self._max_size is not None and len(self._entries) > self._max_size:
            self._entries.popitem(last=False)
        return value


def retrieve(task: asyncio.Task[Any]) -> None:
    """Look at the failure of a load that nobody waits for any more, or asyncio reports it."""
    if not task.cancelled():
        task.exception()
