"""The receivers in docs/webhooks.md do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from reelgate.net.secret_keys import decode_secret
from reelgate.webhooks.sender import Signer

from .receivers import OTHER_SECRET, SECRET

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
BODY = b'{"type":"video.completed","timestamp":"2026-11-22T15:32:21Z","data":{"id":"video_1"}}'
JUDGE = """
const [secret, headers, body] = JSON.parse(process.argv[2]);
console.log(verify(secret, headers, body).data.id);
"""


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def headers() -> dict[str, str]:
    return Signer([decode_secret(SECRET)]).headers("msg_1", time.time(), BODY)


@pytest.mark.parametrize("source", code("python"))
def test_a_receiver_in_python_takes_what_is_signed_and_nothing_else(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for secret, is_right in ((SECRET, True), (OTHER_SECRET, False)):
        names: dict[str, Any] = {"secret": secret}
        exec(compile(source, "docs/webhooks.md", "exec"), names)
        if is_right:
            names["receive"](BODY, headers())
            assert capsys.readouterr().out == "video.completed video_1\n"
        else:
            with pytest.raises(Exception, match=r"(?i)signature"):
                names["receive"](BODY, headers())


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_receiver_in_node_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    (source,) = code("javascript")
    program = tmp_path / "verify.mjs"
    program.write_text(source + JUDGE)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["node", str(program), json.dumps(arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert run(SECRET, headers(), BODY.decode()).stdout == "video_1\n"
    assert "wrong signature" in run(OTHER_SECRET, headers(), BODY.decode()).stderr
    assert "wrong signature" in run(SECRET, headers(), BODY.decode() + " ").stderr
    old = headers() | {"webhook-timestamp": "1700000000"}
    assert "too old" in run(SECRET, old, BODY.decode()).stderr
