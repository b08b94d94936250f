"""Several processes behind one port."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from reelgate.cli.exits import ExitCode
from tests.http.scrapes import two_free_ports

from .program import Home, finish, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


def children(pid: int) -> set[int]:
    """The processes that a process has started and that live."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(each) for each in listed if is_alive(int(each))}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_metrics(port: int) -> bool:
    """Whether a process tells its metrics on a port."""
    with suppress(URLError), urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        return b"reelgate_build_info" in response.read()
    return False


def is_healthy(url: str) -> bool:
    with urlopen(f"{url}/health") as response:
        return bool(response.status == 200)


def test_workers_serve_together_are_replaced_and_stop_together(
    home: Home, empty_postgres_url: str
) -> None:
    metrics = two_free_ports()
    settings = {
        "REELGATE_DATABASE_URL": empty_postgres_url,
        "REELGATE_SANDBOX_URL": "http://127.0.0.1:9",
        "REELGATE_METRICS_PORT": str(metrics),
    }
    with home.start("serve", "--port", "0", "--workers", "2", **settings) as serving:
        url = home.address(serving)
        wait_until(lambda: len(children(serving.pid)) == 2)
        assert is_healthy(url)
        wait_until(lambda: has_metrics(metrics) and has_metrics(metrics + 1))
        first, second = sorted(children(serving.pid))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(children(serving.pid) - {first}) == 2)
        assert second in children(serving.pid)
        assert all(is_healthy(url) for _ in range(4))
        workers = children(serving.pid)
        serving.send_signal(signal.SIGTERM)
        ended = finish(serving)
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    assert not any(is_alive(each) for each in workers)
    assert ended.err.count("Try it:") == 1


def test_workers_do_not_outlive_their_parent(home: Home, empty_postgres_url: str) -> None:
    settings = {
        "REELGATE_DATABASE_URL": empty_postgres_url,
        "REELGATE_SANDBOX_URL": "http://127.0.0.1:9",
    }
    with home.start("serve", "--port", "0", "--workers", "2", **settings) as serving:
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{home.address(serving)}/metrics")
        assert "REELGATE_METRICS_PORT" in refused.value.read().decode()
        wait_until(lambda: len(children(serving.pid)) == 2)
        workers = children(serving.pid)
        serving.kill()
        serving.wait()
        wait_until(lambda: not any(is_alive(each) for each in workers))


def test_several_need_a_database_that_several_can_use(home: Home) -> None:
    refused = home.run("serve", "--port", "0", "--workers", "2")
    assert refused.code == ExitCode.USAGE
    assert "REELGATE_DATABASE_URL" in refused.err


def test_what_a_worker_cannot_use_ends_them_all(home: Home) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    settings = {"REELGATE_DATABASE_URL": url, "REELGATE_SANDBOX_URL": "http://127.0.0.1:9"}
    refused = home.run("serve", "--port", "0", "--workers", "2", **settings)
    assert refused.code not in {0, None}
    assert "Traceback" not in refused.err
