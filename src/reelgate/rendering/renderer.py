"""Rendered clips: made off the event loop by worker processes, shared and kept within a bound."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from reelgate.rendering.clip import Clip

logger = logging.getLogger(__name__)

WORKER = "reelgate.rendering.worker"


class RenderError(RuntimeError):
    """A clip could not be rendered."""


class RenderWorker:
    """One rendering process, started at its first clip.

    It is a program of its own and not a forked copy: it inherits nothing but three pipes, needs no
    importable `__main__`, and ends by itself when its standard input closes, however the parent
    died.
    """

    def __init__(self) -> None:
        self._process: Process | None = None

    async def render(self, clip: Clip, path: Path) -> None:
        """Render a clip to a file that appears whole or not at all.

        Raises:
            RenderError: If the worker could not do it.
        """
        process = await self._running()
        request = json.dumps({"clip": clip.as_json(), "path": str(path)}) + "\n"
        if process.stdin is None or process.stdout is None:
            raise RenderError("the worker has no pipes")
        try:
            process.stdin.write(request.encode())
            await process.stdin.drain()
            answer = json.loads(await process.stdout.readline() or b"{}")
        except OSError as exc:
            raise RenderError("the worker died") from exc
        if not answer.get("ok"):
            raise RenderError(answer.get("error", "the worker died"))

    async def close(self) -> None:
        """Kill the process if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()

    async def _running(self) -> Process:
        if self._process is not None and self._process.returncode is not None:
            await self.close()
        if self._process is None:
            # A session of its own: Ctrl-C on the terminal is for the parent, which ends the worker.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", WORKER, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        return self._process


class Renderer:
    """Renders each clip once, in the order asked for, and keeps the files within a bound.

    Args:
        folder: Where the files are kept.
        workers: Processes at most.
        max_cache_bytes: All files together; the least recently used go first.
    """

    def __init__(self, folder: Path, *, workers: int, max_cache_bytes: int) -> None:
        self._folder = folder
        self._max_cache_bytes = max_cache_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._size_bytes = 0
        self._rendered: set[str] = set()
        self._errors: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._idle: asyncio.Queue[RenderWorker] = asyncio.Queue()
        self._workers = [RenderWorker() for _ in range(workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        folder.mkdir(parents=True, exist_ok=True)
        self._adopt_files()

    def is_rendered(self, clip: Clip) -> bool:
        """Whether the clip was rendered once, even if its file had to go since."""
        return clip.key in self._rendered

    def error(self, clip: Clip) -> str | None:
        """Why a clip cannot be rendered, or None."""
        return self._errors.get(clip.key)

    def start(self, clip: Clip) -> None:
        """Have a clip rendered in the background, unless it is or is about to be."""
        key = clip.key
        if key not in self._sizes and key not in self._tasks and key not in self._errors:
            self._tasks[key] = asyncio.create_task(self._render(clip))

    async def file(self, clip: Clip) -> Path:
        """The clip's file, rendering it first where needed.

        Raises:
            RenderError: If it cannot be rendered.
        """
        self.start(clip)
        if clip.key in self._tasks:
            await asyncio.shield(self._tasks[clip.key])
        if clip.key not in self._sizes:
            raise RenderError(self._errors.get(clip.key, "the clip is gone"))
        self._sizes.move_to_end(clip.key)
        return self._path(clip.key)

    async def close(self) -> None:
        """Stop rendering and kill the workers."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in self._workers:
            await worker.close()

    async def _render(self, clip: Clip) -> None:
        worker = await self._idle.get()
        try:
            await worker.render(clip, self._path(clip.key))
            self._keep(clip.key)
        except RenderError as exc:
            logger.warning("sandbox could not render %s: %s", clip.key, exc)
            self._errors[clip.key] = str(exc)
        finally:
            self._idle.put_nowait(worker)
            del self._tasks[clip.key]

    def _keep(self, key: str) -> None:
        self._rendered.add(key)
        self._sizes[key] = self._path(key).stat().st_size
        self._size_bytes += self._sizes[key]
        while len(self._sizes) > 1 and self._size_bytes > self._max_cache_bytes:
            oldest, size_bytes = self._sizes.popitem(last=False)
            self._size_bytes -= size_bytes
            self._path(oldest).unlink(missing_ok=True)

    def _adopt_files(self) -> None:
        """Take over the clips of an earlier run, oldest first."""
        files = sorted(self._folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
        for path in files:
            self._keep(path.stem)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.mp4"
