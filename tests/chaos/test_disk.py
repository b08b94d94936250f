"""The disk that the chaos run fills."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from chaos import disk as disks
from chaos.disk import moved_folder, replace_with_file, restore, small_disk


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


def test_a_folder_that_was_replaced_is_restored_with_all_that_was_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    (folder / "inside").mkdir(parents=True)
    (folder / "film").write_bytes(b"x")
    replace_with_file(folder)
    with pytest.raises(NotADirectoryError):
        (folder / "film").read_bytes()
    restore(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["film", "inside"]
    assert not moved_folder(folder).exists()
