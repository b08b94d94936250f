"""A bucket of an object store (S3, Google Cloud Storage, Azure) or of memory as a storage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlsplit

import obstore
from obstore import exceptions, store

from reelgate.errors import StorageFailed
from reelgate.media.disk import (
    Stored,
    Upload,
    checked_key,
    file_missing,
    run_in_thread,
    storage_failed,
    unreadable,
    wait_until_done,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

# Twelve parts at once, obstore's own choice, would hold 60 MB of each file in memory.
_UPLOAD_PART_BYTES = 5 * 1024 * 1024
_MAX_PARTS = 3
# How long a cancelled video waits for its upload, which cannot be cancelled.
_CANCEL_WAIT_S = 10.0
_LIST_BATCH = 1000
_CHECK_KEY = "reelgate-check"
# A request takes its time to a distant store and back; a few under way at once hide that.
_CHUNK_BYTES = 1024 * 1024
_CHUNKS_AHEAD = 3
_S3_OPTIONS = frozenset({"endpoint", "region"})
_SIGNING_STORES = (store.S3Store, store.GCSStore, store.AzureStore)
# `timeout` is for one request: a part that is sent, or a chunk that is read. Every default endpoint
# is HTTPS, so that plain HTTP is spoken only where an endpoint says http:// itself.
_CLIENT: ClientConfig = {"connect_timeout": "10s", "timeout": "120s", "allow_http": True}
_RETRY: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


class Bucket:
    """Keeps files in an object store, all below one prefix."""

    def __init__(self, objects: ObjectStore) -> None:
        self._store = objects

    def __repr__(self) -> str:
        # The store's own repr would show its configuration.
        return f"Bucket({type(self._store).__name__})"

    @classmethod
    def open(cls, url: str) -> Bucket:
        """The bucket that a URL names; see `reelgate.media.storage` for the forms.

        Raises:
            ValueError: it names none, or its configuration is incomplete.
        """
        parts = urlsplit(url)
        try:
            return cls(_open(parts))
        except exceptions.BaseError as exc:
            first_line = str(exc).partition("\n")[0]
            message = (
                f"storage {parts.scheme}://{parts.hostname or ''} cannot be used: {first_line}"
            )
            raise ValueError(message) from exc

    @property
    def scratch_dir(self) -> Path | None:
        """None: a file is copied here from anywhere."""
        return None

    async def put(self, file: Upload, *others: Upload) -> frozenset[str]:
        """Upload files one after the other, in parts when they are large."""
        await self._upload(file)
        stored = {file.key}
        for other in others:
            with suppress(StorageFailed):
                await self._upload(other)
                stored.add(other.key)
        with suppress(OSError):
            await run_in_thread(_remove, file, *others)
        return frozenset(stored)

    async def _upload(self, file: Upload) -> None:
        with _write_errors():
            uploading = obstore.put_async(
                self._store,
                checked_key(file.key),
                file.source,
                attributes={"Content-Type": file.content_type},
                chunk_size=_UPLOAD_PART_BYTES,
                max_concurrency=_MAX_PARTS,
            )
            # An upload that is not waited for any longer may still end, after its file was removed.
            await wait_until_done(uploading, _CANCEL_WAIT_S)

    @asynccontextmanager
    async def reading(self, key: str, start: int, stop: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes from `start` to `stop` (exclusive), in chunks of bounded size."""
        async with aclosing(_chunks(self._store, checked_key(key), start, stop)) as chunks:
            # The first chunk is read now, so that a missing file shows before anything is sent.
            yield _after(await anext(chunks, b""), chunks)

    async def check(self) -> None:
        """List the bucket; where that is not allowed, put an empty file there."""
        try:
            try:
                async for _ in obstore.list(self._store, chunk_size=1):
                    return
            except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
                await obstore.put_async(self._store, _CHECK_KEY, b"")
        except FileNotFoundError as exc:
            message = "the bucket does not exist"
            raise StorageFailed(message) from exc
        except exceptions.BaseError as exc:
            raise StorageFailed(_reason(exc)) from exc

    async def head(self, key: str) -> Stored | None:
        with _read_errors(), suppress(FileNotFoundError):
            return _stored(await obstore.head_async(self._store, checked_key(key)))
        return None

    async def delete(self, key: str) -> None:
        with _write_errors(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, checked_key(key))

    async def objects(self) -> AsyncIterator[Stored]:
        with _read_errors():
            async for batch in obstore.list(self._store, chunk_size=_LIST_BATCH):
                for meta in batch:
                    yield _stored(meta)

    async def presigned_url(self, key: str, expires_in_s: float) -> str | None:
        """An address at which anybody can read the file for a while; None for memory."""
        if not isinstance(self._store, _SIGNING_STORES):
            return None
        with _read_errors():
            lifetime = timedelta(seconds=expires_in_s)
            return await obstore.sign_async(self._store, "GET", checked_key(key), lifetime)


def _remove(*files: Upload) -> None:
    for file in files:
        file.source.unlink(missing_ok=True)


async def _chunks(
    objects: ObjectStore, key: str, start: int, stop: int
) -> AsyncGenerator[bytes, None]:
    """A file chunk by chunk, always a few ahead of the reader.

    One request for each chunk, not one for all: a player that pauses for minutes would hold that
    one open until the store cuts it.
    """
    offsets = iter(range(start, stop, _CHUNK_BYTES))

    def fetch(offset: int) -> asyncio.Task[bytes]:
        return asyncio.create_task(_chunk(objects, key, offset, min(offset + _CHUNK_BYTES, stop)))

    ahead = deque(fetch(offset) for offset in islice(offsets, _CHUNKS_AHEAD))
    try:
        while ahead:
            chunk = await ahead.popleft()
            ahead.extend(fetch(offset) for offset in islice(offsets, 1))
            yield chunk
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _chunk(objects: ObjectStore, key: str, start: int, stop: int) -> bytes:
    with _read_errors():
        try:
            data = await obstore.get_range_async(objects, key, start=start, end=stop)
        except FileNotFoundError as exc:
            raise file_missing() from exc
    if len(data) != stop - start:
        raise unreadable("it is shorter than it was when it was stored")
    return bytes(data)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk


def _open(parts: SplitResult) -> ObjectStore:
    url = parts._replace(query="", fragment="").geturl()
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    taken = _S3_OPTIONS if parts.scheme == "s3" else frozenset()
    if unknown := options.keys() - taken:
        message = f"a storage URL {parts.scheme}:// takes no {', '.join(sorted(unknown))}"
        raise ValueError(message)
    match parts.scheme:
        case "memory":
            return store.MemoryStore()
        case "s3":
            return _open_s3(url, options)
        case "gs":
            return store.GCSStore.from_url(url, client_options=_CLIENT, retry_config=_RETRY)
        case "az":
            return store.AzureStore.from_url(url, client_options=_CLIENT, retry_config=_RETRY)
    message = f"a storage URL is a folder, s3://, gs://, az:// or memory:///, not {parts.scheme}:"
    raise ValueError(message)


def _open_s3(url: str, options: dict[str, str]) -> ObjectStore:
    config: S3Config = {}
    if region := options.get("region"):
        config["region"] = region
    if endpoint := options.get("endpoint"):
        config["endpoint"] = endpoint
    return store.S3Store.from_url(url, config=config, client_options=_CLIENT, retry_config=_RETRY)


def _stored(meta: ObjectMeta) -> Stored:
    return Stored(meta["path"], meta["size"])


@contextmanager
def _write_errors() -> Iterator[None]:
    try:
        yield
    except exceptions.BaseError as exc:
        raise storage_failed(_reason(exc)) from exc
    except FileNotFoundError as exc:
        raise storage_failed("the bucket does not exist") from exc
    except OSError as exc:
        raise storage_failed("the disk failed before the upload") from exc


@contextmanager
def _read_errors() -> Iterator[None]:
    try:
        yield
    except exceptions.BaseError as exc:
        raise unreadable(_reason(exc)) from exc


def _reason(exc: exceptions.BaseError) -> str:
    """The reason, without the store's own message, which holds addresses and account names."""
    match exc:
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return "the object store refused the gateway's credentials"
        case _:
            return "the object store did not answer as it should"
