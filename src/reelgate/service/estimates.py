"""What a video is likely to cost and to take: by the models' prices, and by earlier videos."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.database import Database
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.price import Money, in_usd, price_of
from reelgate.domain.quota import Quote
from reelgate.domain.video import Duration, VideoRequest
from reelgate.jobs.distributions import history_key

if TYPE_CHECKING:
    from reelgate.db.statistics import Times

LEARNED = "learned"
"""The certainty of a price that an earlier video was told to cost."""
FRESH_S = 10.0
MAX_LEARNED = 1000

Like = tuple[str, Duration | None, str | None]
"""What the costs of earlier videos are told apart by: model, duration and resolution."""


class Estimates:
    """Estimates for the models of a catalogue."""

    def __init__(
        self, catalog: Catalog, database: Database, clock: Clock, units_s: Mapping[str, float]
    ) -> None:
        """`units_s`: what counts as a second at each provider."""
        self.usd_per_credit: Mapping[str, Decimal] = catalog.usd_per_credit()
        self._database = database
        self._clock = clock
        self._units_s = units_s
        self._learned: Cache[Like, Money | None] = Cache(FRESH_S, clock, max_size=MAX_LEARNED)

    def by_price(self, model: Model, request: VideoRequest) -> Quote:
        """What a video costs by its model's price."""
        price = price_of(model, request)
        certainty = None if price is None or model.price is None else model.price.certainty
        return self._quote(model, price, certainty)

    async def quote(self, model: Model, request: VideoRequest) -> Quote:
        """The same, or else what the last one like it was told to cost.

        Raises:
            StorageFailed: the database cannot be used.
        """
        quote = self.by_price(model, request)
        if quote.price is not None:
            return quote
        return self._quote(model, await self._last_cost(like_of(request)), LEARNED)

    async def recent_quote(self, model: Model, request: VideoRequest) -> Quote:
        """The same, as of some seconds ago: for those who ask for every new video.

        Raises:
            StorageFailed: the database cannot be used.
        """
        quote = self.by_price(model, request)
        if quote.price is not None:
            return quote
        like = like_of(request)
        learned = await self._learned.get(like, lambda: self._last_cost(like))
        return self._quote(model, learned, LEARNED)

    async def times(self, model: Model, request: VideoRequest) -> Times | None:
        """How long videos like it took; None until some are known.

        Raises:
            StorageFailed: the database cannot be used.
        """
        # Loaded by the first who asks: a gateway that nobody asks does without.
        from reelgate.db.statistics import Statistics, times_of  # noqa: PLC0415

        kind = history_key(model.provider, request.kind, self._units_s[model.provider])
        return times_of(await Statistics(self._database).times(kind))

    def _quote(self, model: Model, price: Money | None, certainty: str | None) -> Quote:
        if price is None:
            return Quote()
        return Quote(price, in_usd(price, self.usd_per_credit.get(model.id)), certainty)

    async def _last_cost(self, like: Like) -> Money | None:
        from reelgate.db.statistics import Statistics  # noqa: PLC0415 - as above

        model, duration, resolution = like
        wanted = {"duration": duration, "resolution": resolution}
        return await Statistics(self._database).last_cost(self._clock.now(), model, wanted)


def like_of(request: VideoRequest) -> Like:
    return request.model, request.duration, request.resolution
