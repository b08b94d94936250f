"""The disk that the chaos run fills."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from chaos import disk as disks
from chaos.disk import small_disk


def test_a_filled_disk_takes_no_byte_until_it_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "SIZE_BYTES", 1024 * 1024)
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("this user may not mount a file system")
        file = disk.folder / "file"
        disk.fill()
        with pytest.raises(OSError, match="No space") as caught:
            file.write_bytes(b"x")
        assert caught.value.errno == errno.ENOSPC
        disk.free()
        assert file.write_bytes(b"x") == 1
    assert list((tmp_path / "disk").iterdir()) == []
