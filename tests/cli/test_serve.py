from __future__ import annotations

import base64
import json
import signal
import socket
import urllib.request
from contextlib import closing

from reelgate.cli.exits import ExitCode

from .movie import Movie, read_movie
from .program import Home, finish, stop, wait_until


def expired_token() -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": 1_700_000_000, "sub": "u"}).encode())
    return f"eyJhbGciOiJub25lIn0.{payload.decode().rstrip('=')}.c2ln"


def test_serve_leaves_its_address_answers_there_and_takes_it_away_again(home: Home) -> None:
    with home.start("serve", PORT="0") as process:
        url = home.address(process)
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.load(answer)["sandbox"] is True
        ended = stop(process, signal.SIGINT)
    assert ended.code == ExitCode.OK
    assert url in ended.err
    assert f"{url}/docs" in ended.err
    assert "SANDBOX" in ended.err
    assert "Traceback" not in ended.err
    assert not (home.data / "server.url").exists()


def test_what_cannot_be_served_or_made_is_refused_with_what_to_do(home: Home) -> None:
    token = expired_token()
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as other,
        home.start("serve", "--port", port := str(other.getsockname()[1])) as taken,
        home.start("serve", "--host", "0.0.0.0", "--port", "0") as open_to_all,
        home.start("generate", "A cat", "--json", IMAGINE_TOKEN=token) as with_dead_token,
    ):
        at_port, at_host, unpaid = (finish(each) for each in (taken, open_to_all, with_dead_token))
    assert at_port.code == ExitCode.GATEWAY
    assert f"port {port} on 127.0.0.1 is taken" in at_port.err
    assert at_host.code == ExitCode.USAGE
    assert "REELGATE_ALLOW_OPEN=true" in at_host.err
    assert unpaid.code == ExitCode.CREDENTIALS
    assert "expired" in unpaid.err
    assert "IMAGINE_TOKEN" in unpaid.err
    assert unpaid.json["error"]["code"] == "upstream_unauthorized"
    assert token not in unpaid.err + unpaid.out


def test_a_generate_takes_its_job_over_when_the_gateway_is_killed(home: Home) -> None:
    with home.start("serve", "--port", "0") as serving:
        url = home.address(serving)
        asked = ("generate", "A cat [[ready after=3]]", "--duration", "5", "--resolution", "720p")
        with home.start(*asked, "-o", "cat.mp4") as generating:
            wait_until(lambda: is_rendering(url))
            serving.send_signal(signal.SIGKILL)
            made = finish(generating)
        finish(serving)
    assert made.code == ExitCode.OK
    assert "Starting a gateway" in made.err
    assert read_movie(home.folder / "cat.mp4") == Movie((1280, 720), 5.0)


def is_rendering(url: str) -> bool:
    """Whether a job has been accepted, and the gateway has written that down."""
    with urllib.request.urlopen(f"{url}/v1/videos?status=in_progress") as answer:
        return bool(json.load(answer)["data"])
