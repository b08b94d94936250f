"""Reads references and uploads them to the provider that is to use them."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.domain.fields import MEDIA
from reelgate.domain.picture import Picture, is_data_url, read_data_url
from reelgate.domain.reference import Kind, Reference
from reelgate.domain.video import VideoRequest
from reelgate.images.fetch import PictureFetcher, Read
from reelgate.images.kept import USED_FOR_S, ReferenceKeeper
from reelgate.net.open_files import for_requests
from reelgate.net.ssrf import open_session
from reelgate.providers.base import Provider


class FairPermits:
    """A semaphore with a queue for each owner, served in turn."""

    def __init__(self, total: int, per_owner: int) -> None:
        """`total` may be held at once, and `per_owner` of them by one owner.

        The owner of everything where there are no keys, "", may hold them all.
        """
        self._free = total
        self._per_owner = per_owner
        self._held: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def held(self, owner: str) -> AsyncIterator[None]:
        """Hold a permit, once there is one for this owner."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        permit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(permit)
        self._grant()
        try:
            await permit
        except asyncio.CancelledError:
            if permit.done() and not permit.cancelled():
                self._release(owner)
            raise

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._grant()

    def _grant(self) -> None:
        while self._free and (owner := self._next_owner()) is not None:
            queue = self._queues[owner]
            permit = queue.popleft()
            # The owner goes to the back.
            self._queues.move_to_end(owner)
            if not queue:
                del self._queues[owner]
            if not permit.done():
                self._free -= 1
                self._held[owner] += 1
                permit.set_result(None)

    def _next_owner(self) -> str | None:
        """The owner below its limit that holds the fewest; of several, the one waiting longest."""
        may = (o for o in self._queues if not o or self._held[o] < self._per_owner)
        return min(may, key=self._held.__getitem__, default=None)


CACHED_FOR_S = 3600.0
"""How long a URL is used again; it is not documented how long the upstream keeps it."""
MAX_CACHED = 1000


MAX_PICTURES, MAX_PICTURES_PER_OWNER = 8, 4
"""Pictures in memory at once: each may take 20 MB."""
MAX_FETCHES, MAX_FETCHES_PER_OWNER = 64, 8
"""Servers asked for a picture at once; until they respond they cost little memory."""


NO_FILES: Mapping[str, Read] = {}
NO_NAMES: Mapping[str, str] = {}


class References:
    """Fetches references and uploads them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        fetcher: PictureFetcher,
        keeper: ReferenceKeeper,
        uploads: Cache[tuple[str, str], str],
        kept: Cache[str, str],
    ) -> None:
        """`uploads`, `kept`: the addresses that files have got, so that a retry sends none again.

        The first by provider and digest, the second by digest.
        """
        self._providers = providers
        self._fetcher = fetcher
        self._keeper = keeper
        self._uploads = uploads
        self._kept = kept
        self._in_memory = FairPermits(MAX_PICTURES, MAX_PICTURES_PER_OWNER)
        self._fetches = FairPermits(for_requests(MAX_FETCHES), MAX_FETCHES_PER_OWNER)

    async def place(
        self,
        request: VideoRequest,
        provider: str,
        owner: str,
        *,
        files: Mapping[str, Read] = NO_FILES,
        spelled: Mapping[str, str] = NO_NAMES,
        own: str | None = None,
    ) -> VideoRequest:
        """The request with its references where its provider can read them.

        Args:
            request: its references have the addresses that the caller sent, or names in `files`.
            provider: who is to read them.
            owner: who asks; one who asks for many does not keep others waiting.
            files: what gets those into memory that came with the request, by their names; nothing
                is read before there is room for it.
            spelled: the fields that hold the references, for errors, by address.
            own: the address of a video that the account has made, which the caller may use: no
                other is taken on a caller's word.

        Raises:
            InvalidRequest, RequestTooLarge: one cannot be used.
            UpstreamError: the provider did not take one.
        """
        placed = []
        for each, name in zip(request.references, names_of(request.references), strict=True):
            if each.url == own:
                placed.append(each)
                continue
            param = spelled.get(each.url, name)
            source = self._opened(each, files.get(each.url), param, owner)
            async with source as read, self._in_memory.held(owner):
                picture = await read()
                url = await self._address(picture, provider)
            placed.append(replace(each, url=url, digest=picture.digest))
        return replace(request, references=tuple(placed))

    async def renew(self, request: VideoRequest) -> None:
        """See to it that the references of an earlier job are there for one more.

        Raises:
            ReferenceExpired: one is not kept any more.
        """
        await self._keeper.renew(request)

    async def _address(self, picture: Picture, provider: str) -> str:
        """Where the provider reads it, or where we keep it for the submit."""
        # A virtual model's target is not known yet.
        account = self._providers.get(provider)
        if account is not None and account.uploads:
            upload = partial(account.upload_reference, picture)
            return await self._uploads.get((provider, picture.digest), upload)
        return await self._kept.get(picture.digest, partial(self._keeper.keep, picture))

    @asynccontextmanager
    async def _opened(
        self, told: Reference, file: Read | None, param: str, owner: str
    ) -> AsyncIterator[Read]:
        """What gets a reference into memory, once its server has begun to answer."""
        if file is not None:
            yield file
        elif is_data_url(told.url):
            yield partial(decoded, told.url, param, told.kind)
        else:
            opened = self._fetcher.opened(told.url, param, told.kind)
            async with self._fetches.held(owner), opened as read:
                yield read


def names_of(references: Sequence[Reference]) -> Iterator[str]:
    """What the fields that hold these are called, numbered where there are several."""
    roles = [each.role for each in references]
    for index, role in enumerate(roles):
        name = MEDIA[role].name
        yield name if roles.count(role) == 1 else f"{name}[{roles[:index].count(role)}]"


async def decoded(url: str, param: str, kind: Kind) -> Picture:
    return read_data_url(url, param, kind)


@asynccontextmanager
async def open_references(
    providers: Mapping[str, Provider],
    keeper: ReferenceKeeper,
    clock: Clock,
    *,
    allow_private: bool,
) -> AsyncIterator[References]:
    """`References` with an HTTP client; `allow_private` allows URLs in private networks."""
    uploads: Cache[tuple[str, str], str] = Cache(CACHED_FOR_S, clock, max_size=MAX_CACHED)
    kept: Cache[str, str] = Cache(USED_FOR_S, clock, max_size=MAX_CACHED)
    async with open_session(allow_private=allow_private) as session:
        fetcher = PictureFetcher(session, allow_private=allow_private)
        try:
            yield References(providers, fetcher, keeper, uploads, kept)
        finally:
            await uploads.close()
            await kept.close()
