from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reelgate.errors import StorageFailed
from reelgate.media.scratch import Scratch, append

HOLDS_A_FILE = """
import asyncio, contextlib, sys, pathlib
from reelgate.media.scratch import Scratch, append

async def main():
    async with Scratch(pathlib.Path(sys.argv[1])).file() as path:
        append(path, b"half a video", min_free_bytes=0)
        print(path, flush=True)
        sys.stdin.read()
        raise EOFError

with contextlib.suppress(EOFError):
    asyncio.run(main())
"""


def _other_process(root: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_FILE, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_killed_process_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    process, path = _other_process(tmp_path)
    with process:
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"half a video"
    scratch = Scratch(tmp_path)
    scratch.prepare()
    assert not path.exists()
    scratch.close()


def test_a_living_process_keeps_its_files(tmp_path: Path) -> None:
    process, path = _other_process(tmp_path)
    with process:
        scratch = Scratch(tmp_path)
        scratch.prepare()
        assert path.read_bytes() == b"half a video"
        scratch.close()
    assert process.returncode == 0
    assert not path.exists()


async def test_a_file_is_gone_when_its_use_fails(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")

    async def ask_for_too_much() -> None:
        async with scratch.file() as path:
            append(path, b"video", min_free_bytes=0)
            append(path, b"video", min_free_bytes=2**62)

    with pytest.raises(StorageFailed, match="no space left"):
        await ask_for_too_much()
    assert _files(tmp_path) == []
    scratch.close()
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_file_is_written_piece_by_piece_for_this_user_alone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    async with scratch.file() as path, scratch.file() as other:
        for piece in (b"vid", b"eo"):
            append(path, piece, min_free_bytes=0)
        append(other, b"picture", min_free_bytes=0)
        assert (path.read_bytes(), other.read_bytes()) == (b"video", b"picture")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    scratch.close()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        Scratch(tmp_path / "file" / "scratch").prepare()
