"""The blocks of code in the documentation, and why one is not run where the others are.

A comment before a block says so, in one of two ways:

    <!-- run by tests/deploy/test_proxies.py -->
    <!-- not run: needs a container engine; ... -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .checkout import DOCS, PAGES, ROOT

BLOCK = re.compile(
    r"(?:^<!-- (?P<how>run by|not run:) (?P<said>[^>]+) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN = {"mermaid", "text"}
"""Drawings, and what programs print: nothing that anybody runs."""


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        line: where it begins in its page.
        run_by: the test that runs it; empty: `test_blocks.py`.
        not_run: why nothing runs it; empty: something does.
    """

    page: str
    line: int
    language: str
    code: str
    run_by: str = ""
    not_run: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run_here(self) -> bool:
        return not (self.run_by or self.not_run or self.language in SHOWN)


def blocks_of(page: Path) -> list[Block]:
    """All of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            code=found["code"],
            run_by=(found["said"] or "") if found["how"] == "run by" else "",
            not_run=(found["said"] or "") if found["how"] == "not run:" else "",
        )
        for found in BLOCK.finditer(text)
    ]


BLOCKS = [
    block for page in sorted(PAGES) if DOCS / "adr" not in page.parents for block in blocks_of(page)
]


def run_here(*languages: str) -> list[Block]:
    """Those in these languages that nothing else runs."""
    return [block for block in BLOCKS if block.is_run_here and block.language in languages]


def run_by(test: str, page: str) -> list[str]:
    """The code of a page that a test says it runs."""
    return [block.code for block in BLOCKS if (block.run_by, block.page) == (test, page)]
