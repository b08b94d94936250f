"""What the documentation tells people to type works as it stands."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .checkout import read, run

ADDRESS = "http://localhost:8000"
BLOCK = re.compile(r"^```(bash|python|js)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS = {"bash": "curl", "js": "node", "python": sys.executable}


@dataclass(frozen=True)
class Block:
    """One block of code of a page."""

    page: str
    number: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}-{self.language}"


def blocks(*pages: str) -> list[Block]:
    """The blocks that talk to a gateway."""
    found = ((page, *match) for page in pages for match in BLOCK.findall(read(page)))
    return [
        Block(page, number, language, code)
        for number, (page, language, code) in enumerate(found)
        if ADDRESS in code
    ]


PAGES = ("README.md", "docs/api.md", "docs/tutorial.md", "docs/from-openai.md")


@pytest.mark.parametrize("block", blocks(*PAGES), ids=str)
async def test_a_block_of_code_does_what_the_page_says(
    block: Block, gateway: str, tmp_path: Path
) -> None:
    if shutil.which(NEEDS[block.language]) is None:
        pytest.skip(f"there is no {NEEDS[block.language]}")
    code = block.code.replace(ADDRESS, gateway)
    command = {
        "bash": ["bash", "-euo", "pipefail", "-c", code],
        "python": [sys.executable, "-c", code],
        "js": ["node", "--input-type=module", "-e", code],
    }[block.language]
    ended = await run(*command, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "about:blank" not in ended.out, "it was answered with an error"
    if "cat.mp4" in code:
        assert b"ftyp" in tmp_path.joinpath("cat.mp4").read_bytes()[:12]
    elif "requests" in code or "fetch" in code:
        assert ended.out.startswith(f"{gateway}/sandbox/processed/")


def test_the_pages_have_such_blocks() -> None:
    assert {block.language for block in blocks("README.md")} == {"bash", "js", "python"}
    assert len(blocks("docs/api.md")) >= 4
