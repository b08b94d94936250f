from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reelgate.errors import StorageFailed
from reelgate.media.scratch import Scratch, append

HOLDS_A_FILE = """
import sys, pathlib
from reelgate.media.scratch import Scratch, append
scratch = Scratch(pathlib.Path(sys.argv[1]))
scratch.prepare()
with scratch.file() as path:
    append(path, b"half a film", min_free_bytes=0)
    print(path, flush=True)
    sys.stdin.read()
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


def test_a_killed_process_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    process, path = _other_process(tmp_path)
    with process:
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"half a film"
    scratch = Scratch(tmp_path)
    scratch.prepare()
    assert not path.exists()
    scratch.close()


def test_a_living_process_keeps_its_files(tmp_path: Path) -> None:
    process, path = _other_process(tmp_path)
    with process:
        scratch = Scratch(tmp_path)
        scratch.prepare()
        assert path.read_bytes() == b"half a film"
        scratch.close()
    assert process.returncode == 0
    assert not path.exists()


def test_a_file_is_gone_after_its_use_unless_it_was_moved(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")
    with scratch.file() as stays, scratch.file() as moves:
        moves.rename(tmp_path / "moved")
    assert not stays.exists()
    assert (tmp_path / "moved").exists()
    scratch.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_late_write_does_not_bring_a_removed_file_back(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        append(tmp_path / "removed", b"late", min_free_bytes=0)
    assert not (tmp_path / "removed").exists()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        Scratch(tmp_path / "file" / "scratch").prepare()
