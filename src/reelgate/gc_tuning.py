"""Python's cyclic garbage collector, set for a process in which thousands of jobs wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (20_000, 10, 10)
"""Objects until the young are collected, and collections until the next generation's turn."""


def configure_gc() -> None:
    """Let a request be over before the collector looks at what it made.

    With Python's own 700 nearly all that a request holds is found alive, and moved on to where only
    a collection of everything, which stops the event loop, can find it dead.

    So requests and jobs must leave nothing to the collector. What does is an error whose own frame
    holds it, `raise error` for one: it waits with all that the frames below hold, buffers and all.
    """
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def loading() -> Iterator[None]:
    """Import modules: what that makes stays, and to look through it is a fifteenth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def freeze_startup_objects() -> None:
    """Never look through it again; to be called once everything is loaded."""
    gc.freeze()
