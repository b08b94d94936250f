from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64encode

import pytest

from reelgate.logs import mask_secrets

PARTS = (b'{"alg":"HS256"}', b'{"exp":1700000000}', b"signature of nobody")
JWT = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in PARTS)
"""Made here, so that nothing that looks like a token stands in the repository."""
SPEAK = f"""
import logging, structlog
from reelgate.logs import configure_log
configure_log("info", FORM)
log = structlog.get_logger()
log.debug("too_quiet")
log.info("submitted", header="Bearer {JWT}", nested={{"deep": ["{JWT}"]}})
logging.getLogger("uvicorn.error").warning("from the library %s", "{JWT}")
logging.getLogger("uvicorn.error").info("too quiet")
try: raise ValueError("token {JWT}")
except ValueError: log.exception("broken")
"""


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"token {JWT}.", "token ***."),
        ("Authorization: Bearer abcdefghij123==", "Authorization: Bearer ***"),
        ("key rg_0123456789abcdef done", "key rg_*** done"),
        ("video_01a203bec94c75ada372da1d1d2eb786", "video_01a203bec94c75ada372da1d1d2eb786"),
        ("the bearer of news", "the bearer of news"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


def spoken(form: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", SPEAK.replace("FORM", repr(form))],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout == ""
    return ran.stderr


def test_a_log_for_machines_is_one_object_a_line_without_secrets() -> None:
    text = spoken("json")
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events] == [
        "submitted",
        "from the library ***",
        "broken",
    ]
    assert "ValueError" in events[2]["exception"]
    assert "eyJ" not in text


def test_a_log_for_people_has_no_colours_in_a_file_and_no_secrets() -> None:
    text = spoken("console")
    assert "submitted" in text
    assert "ValueError" in text
    assert "too" not in text
    assert "\x1b" not in text
    assert "eyJ" not in text
