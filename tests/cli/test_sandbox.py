from __future__ import annotations

import socket
from contextlib import closing

from reelgate.cli.exits import ExitCode

from .program import Home, stop


def test_the_sandbox_runs_alone_and_says_what_it_is(home: Home) -> None:
    with home.start("sandbox", "--port", "0", "--speed", "30") as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        ended = stop(process)
    assert first.startswith("Sandbox (not imagine.art) on http://127.0.0.1:")
    assert "speed 30" in first
    assert ended.code == ExitCode.OK


def test_a_sandbox_that_cannot_run_says_why(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = str(other.getsockname()[1])
        taken = home.run("sandbox", "--port", port)
    assert taken.code == ExitCode.GATEWAY
    assert f"port {port} on 127.0.0.1 is taken" in taken.err
    stopped = home.run("sandbox", "--speed", "0")
    assert stopped.code == ExitCode.USAGE
    assert "above 0" in stopped.err
