from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from reelgate.cli.exits import ExitCode

from .movie import Movie, read_movie
from .program import PROGRAM, TIMEOUT_S, Home, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")

CTRL_C = b"\x03"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program on a pseudo-terminal, as somebody sits before it."""

    def __init__(self, home: Home, *args: str) -> None:
        self._main, side = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTROL, PROGRAM, *args],
            cwd=home.folder,
            env=home.env(TERM="xterm-256color", COLUMNS="100"),
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        )
        os.close(side)
        os.set_blocking(self._main, False)

    def press(self, key: bytes) -> None:
        os.write(self._main, key)

    def shows(self, pattern: str) -> bool:
        """Whether something that fits has been on the screen; escape sequences left out."""
        # An error is nothing new, or a program that has closed the terminal.
        with suppress(OSError):
            self.seen += os.read(self._main, 65536).decode(errors="replace")
        return re.search(pattern, ESCAPES.sub("", self.seen)) is not None

    def close(self) -> int:
        code = self.process.wait(TIMEOUT_S)
        self.shows("$")
        os.close(self._main)
        return code


# Makes the pseudo-terminal the controlling one, so that Ctrl-C becomes SIGINT, and has that heeded:
# a script starts what it runs in the background with SIGINT ignored, and children inherit that.
CONTROL = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def test_ctrl_c_at_the_progress_bar_keeps_the_job_and_says_how_to_resume(home: Home) -> None:
    asked = ("generate", "A cat [[ready after=6]]", "--duration", "5", "--resolution", "720p")
    terminal = Terminal(home, *asked, "-o", "cat.mp4")
    wait_until(lambda: terminal.shows(r"rendering\s+[━╸╺ ]+\s+\d+ %\s+about .* left"))
    terminal.press(CTRL_C)
    wait_until(lambda: terminal.shows(r"reelgate videos wait video_\w+ -o cat\.mp4"))
    assert terminal.close() == ExitCode.INTERRUPTED
    assert "Traceback" not in terminal.seen
    assert not (home.folder / "cat.mp4").exists()

    hint = re.search(r"videos wait (video_\w+) -o cat\.mp4", ESCAPES.sub("", terminal.seen))
    assert hint is not None
    resumed = home.run("videos", "wait", hint[1], "-o", "cat.mp4")
    assert resumed.code == ExitCode.OK
    assert read_movie(home.folder / "cat.mp4") == Movie((1280, 720), 5.0)
