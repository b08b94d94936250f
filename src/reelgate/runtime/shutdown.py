"""Stopping at a signal: the first stops in order, the second in a hurry, the third at once.

From the first on the process is gone within a limit, whatever it waits for. What it leaves undone
then is what a kill leaves undone: nothing is lost but the answer to a submit, which is waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

import structlog

log = structlog.get_logger()

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CLEANUP_S = 7.0
"""How long putting everything away may take, once nobody is answered any more."""
SUBMIT_S = 90.0
"""How long a submit is waited for beyond that: an upstream has 60 s to answer."""
CHECK_EVERY_S = 0.25
BY_SIGNAL = 128
"""What shells add to the number of the signal that ended a program."""
SECOND_SIGNAL = 2
THIRD_SIGNAL = 3


def no_submits() -> int:
    return 0


def end_at_signals() -> None:
    """Let a signal end the program until a `Shutdown` hears it.

    The first process of a container would not heed SIGTERM otherwise: the kernel gives that one
    no default for a signal (kill(2)).
    """

    def end(number: int, _frame: FrameType | None) -> None:
        code = BY_SIGNAL + number
        # The exception unwinds whatever runs, which may swallow it or wait for a silent server.
        limit = threading.Timer(CLEANUP_S, os._exit, (code,))
        limit.daemon = True
        limit.start()
        raise SystemExit(code)

    for number in SIGNALS:
        signal.signal(number, end)


class Shutdown:
    """Handles the signals for as long as its block lasts.

    Until `begin` was called a signal cancels the block's task: what is not at work yet has nothing
    to finish.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._starting: asyncio.Task[object] | None = asyncio.current_task()
        self._signals = 0
        self._stop: Callable[[], None] | None = None
        self._hurry: Callable[[], None] = lambda: None
        self._submitting: Callable[[], int] = no_submits
        self._limit_s = CLEANUP_S
        self._over = threading.Event()
        self._was_cancelled = False

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._over.set()
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)
        if self._was_cancelled and kind is asyncio.CancelledError:
            if self._starting is not None:
                self._starting.uncancel()
            return True
        return False

    def begin(
        self,
        stop: Callable[[], None],
        hurry: Callable[[], None] = lambda: None,
        submitting: Callable[[], int] = no_submits,
        *,
        answering_s: float = 0.0,
    ) -> None:
        """The program is at work from now on.

        Args:
            stop: what a first signal does.
            hurry: what a second one does.
            submitting: how many submits are under way.
            answering_s: for how long callers may still be answered after the first.
        """
        self._stop, self._hurry, self._submitting = stop, hurry, submitting
        self._limit_s = answering_s + CLEANUP_S
        if self._signals:
            stop()

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals >= THIRD_SIGNAL:
            self._end("a third signal")
        elif self._signals == SECOND_SIGNAL:
            self._hurry()
        else:
            threading.Thread(target=self._watch, name="shutdown", daemon=True).start()
            if self._stop is not None:
                self._stop()
            elif self._starting is not None:
                self._was_cancelled = True
                self._starting.cancel()

    def _watch(self) -> None:
        """In a thread: the event loop itself may be what hangs."""
        began_s = time.monotonic()
        while not self._over.wait(CHECK_EVERY_S):
            elapsed_s = time.monotonic() - began_s
            allowed_s = self._limit_s + (SUBMIT_S if self._submitting() else 0.0)
            if elapsed_s > allowed_s:
                self._end(f"not done after {elapsed_s:.0f} s")

    def _end(self, reason: str) -> None:
        log.error("stopped_at_once", reason=reason, submits_under_way=self._submitting())
        sys.stderr.flush()
        # Orderly ways out would wait for the threads that may be what hangs.
        os._exit(0)
