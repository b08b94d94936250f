"""Signals at times when there is no server yet, or nothing heeds them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from .program import Home, finish, wait_until

HANGS = """
import asyncio, os, signal, time
from reelgate.runtime import shutdown
shutdown.CLEANUP_S = shutdown.CHECK_EVERY_S = 0.05
async def main():
    with shutdown.Shutdown() as stop:
        stop.begin(lambda: time.sleep(600), submitting=lambda: SUBMITS)
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""

SWALLOWS = """
import time
from reelgate.runtime import shutdown
shutdown.CLEANUP_S = 0.05
shutdown.end_at_signals()
try:
    print("ready", flush=True)
    time.sleep(600)
except SystemExit:
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_gateway_starts_ends_it(home: Home, number: signal.Signals) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x"
        sandbox = {"REELGATE_SANDBOX_URL": "http://127.0.0.1:9"}
        with home.start("serve", "--port", "0", REELGATE_DATABASE_URL=url, **sandbox) as starting:
            silent.settimeout(60)
            # It waits for the database's first word.
            connection, _ = silent.accept()
            with connection:
                starting.send_signal(number)
                ended = finish(starting)
    assert ended.code in {0, 130, 143}
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_swallows_a_signal_while_it_starts_is_ended_after_the_limit(
    number: signal.Signals,
) -> None:
    with running(SWALLOWS) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == "ready\n"
        starting.send_signal(number)
        ended = finish(starting)
    assert ended.code == 128 + number


def hanging(submits: int) -> subprocess.Popen[str]:
    return running(HANGS.replace("SUBMITS", str(submits)))


def running(code: str) -> subprocess.Popen[str]:
    """Python that runs this."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)


def test_what_hangs_at_a_signal_is_ended_after_the_limit_and_a_submit_is_waited_for() -> None:
    with hanging(0) as idle, hanging(1) as submitting:
        for process in (idle, submitting):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
        ended = finish(idle)
        assert (ended.code, "stopped_at_once" in ended.err + ended.out) == (0, True)
        assert submitting.poll() is None
        submitting.kill()
        wait_until(lambda: submitting.poll() is not None)
