"""The checkout that these tests read, and the programs they run in it."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]


@dataclass(frozen=True)
class Run:
    """A program that has ended."""

    code: int
    out: str
    err: str


async def run(*command: str | Path, cwd: Path, **env: str) -> Run:
    """Run a program to its end, with more environment variables."""
    program = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, env={**os.environ, **env}, stdout=PIPE, stderr=PIPE
    )
    out, err = await program.communicate()
    return Run(program.returncode or 0, out.decode(), err.decode())


def read(*parts: str) -> str:
    """A file of the checkout."""
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")
