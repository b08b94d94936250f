from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from reelgate.logs import mask_secrets
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.settings import Settings

PARTS = (b'{"alg":"HS256"}', b'{"exp":1700000000}', b"signature of nobody")
JWT = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in PARTS)
"""Made here, so that nothing that looks like a token stands in the repository."""
KEY = "rg_" + "".join(chr(97 + each % 26) for each in range(40))
SPEAK = f"""
import logging, structlog
from reelgate.logs import configure_log
configure_log("info", FORM, ["a key/of no known form"])
log = structlog.get_logger()
log.debug("too_quiet")
log.info("sent", key="a key/of no known form")
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
        "sent",
        "submitted",
        "from the library ***",
        "broken",
    ]
    assert "ValueError" in events[3]["exception"]
    assert "eyJ" not in text
    assert events[0]["key"] == "***"


def test_a_log_for_people_has_no_colours_in_a_file_and_no_secrets() -> None:
    text = spoken("console")
    assert "submitted" in text
    assert "ValueError" in text
    assert "too" not in text
    assert "\x1b" not in text
    assert "eyJ" not in text


def test_the_settings_know_what_of_them_must_not_be_shown(tmp_path: Path) -> None:
    account = {"_env_file": None, "token": "t" * 20}
    values = {
        "_env_file": None,
        "data_dir": tmp_path,
        "database_url": "postgresql://reelgate:pass-of-nobody@db/reelgate",
        "metrics_key": "key-of-a-scraper",
        "bootstrap_key": KEY,
        "providers": {"imagine": ImagineSettings.model_validate(account)},
    }
    assert Settings.model_validate(values).secrets == {
        "pass-of-nobody",
        "key-of-a-scraper",
        KEY,
        "t" * 20,
    }
