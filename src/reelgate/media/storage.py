"""Where finished videos are stored, behind one interface.

A storage URL is one of these; the credentials come from the environment, as the cloud's own tools
read them:

==================================  ============================================================
``/srv/videos``, ``file:///srv``    a local folder, made when it is missing
``s3://bucket/prefix``              ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``,
                                    ``AWS_REGION``, or the machine's role
``gs://bucket/prefix``              ``GOOGLE_APPLICATION_CREDENTIALS`` or the machine's account
``az://container/prefix``           ``AZURE_STORAGE_ACCOUNT_NAME``, ``AZURE_STORAGE_ACCOUNT_KEY``
``memory:///``                      this process's memory; gone when it ends
==================================  ============================================================

An S3-compatible server (MinIO, R2, Ceph, ...) stands in the URL,
``s3://bucket/prefix?endpoint=http://minio:9000&region=eu-west-1``, or in ``AWS_ENDPOINT_URL``.
Uploads of killed processes can leave unfinished parts in a bucket, which only a lifecycle rule of
the bucket removes.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from reelgate.media.disk import Stored, Upload
from reelgate.media.folder import Folder


class Storage(Protocol):
    """A flat set of files under keys; a key holds letters, digits, `_`, `-` and `.` only."""

    @property
    def scratch_dir(self) -> Path | None:
        """Where a file must be made so that `put` can move it here; None when anywhere will do."""
        ...

    async def put(self, file: Upload, *others: Upload) -> frozenset[str]:
        """Store local files under their keys, replacing what was there.

        Nobody sees a half-stored file, and it survives a loss of power once this returns. None of
        the sources is there any more then.

        Returns:
            The keys of what was stored: the first one's, and of the others where it went well.

        Raises:
            StorageFailed: the first could not be stored; what was there before is still there.
        """
        ...

    def reading(
        self, key: str, start: int, stop: int
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes from `start` to `stop` (exclusive), in chunks of bounded size.

        Raises:
            VideoExpired: on entering, when there is no such file.
            StorageFailed: it cannot be read, or ends before `stop`.
        """
        ...

    async def check(self) -> None:
        """Check at little cost whether files can be stored.

        Raises:
            StorageFailed: they cannot; the message is the reason alone.
        """
        ...

    async def head(self, key: str) -> Stored | None:
        """What is stored under a key, if anything.

        Raises:
            StorageFailed: the storage cannot be asked.
        """
        ...

    async def delete(self, key: str) -> None:
        """Forget a file; it need not be there.

        Raises:
            StorageFailed: it could not be removed.
        """
        ...

    def objects(self) -> AsyncIterator[Stored]:
        """Everything that is stored, in no particular order.

        Raises:
            StorageFailed: the storage cannot be listed.
        """
        ...

    async def presigned_url(self, key: str, expires_in_s: float) -> str | None:
        """An address at which anybody can read the file for a while; None where there is none.

        Raises:
            StorageFailed: the storage's credentials cannot sign.
        """
        ...


def open_storage(url: str) -> Storage:
    """The storage that a URL or a folder's path names; see this module's docstring.

    Raises:
        ValueError: it names none, or its configuration is incomplete.
        StorageFailed: the folder cannot be made.
    """
    folder = folder_of(url)
    if folder is not None:
        return Folder(folder)
    # obstore takes 4 MB, and only gateways that keep their files in a bucket need it.
    from reelgate.media.bucket import Bucket  # noqa: PLC0415

    return Bucket.open(url)


def folder_of(url: str) -> Path | None:
    """The folder that a storage's URL names; None for a bucket's.

    Raises:
        ValueError: it names no folder.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"}:
        return None
    # A path is taken as it stands: it may hold `%`, `?` and `#`.
    path = unquote(parts.path) if parts.scheme else url
    if parts.netloc not in {"", "localhost"} or not path.strip("/"):
        message = f"storage URL {url!r} names no folder: write /path or file:///path"
        raise ValueError(message)
    return Path(path).expanduser()


def copy_files(source: Path, target: Path) -> int:
    """Copy the finished files of one folder that another lacks; returns how many.

    Raises:
        OSError: one cannot be copied; those before it are whole.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    copied = 0
    for file in sorted(source.iterdir()):
        to = target / file.name
        if not file.is_file() or (to.exists() and to.stat().st_size == file.stat().st_size):
            continue
        partial = to.with_name(f".{to.name}.part")
        try:
            shutil.copyfile(file, partial)
            partial.replace(to)
        finally:
            partial.unlink(missing_ok=True)
        copied += 1
    return copied
