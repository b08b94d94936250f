"""What a video is likely to cost and to take, and whether its caller's key may have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.database import Database
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.fields import MAX_PRICE
from reelgate.domain.price import Money, in_usd
from reelgate.domain.quota import Quota, Quote, beyond_max_price, quota_of, quote_by_price
from reelgate.domain.routing import Route
from reelgate.domain.video import Duration, VideoRequest
from reelgate.errors import ReelgateError
from reelgate.jobs.distributions import history_key
from reelgate.jobs.routing import Router
from reelgate.providers.base import Provider
from reelgate.service.callers import Gatekeeper

if TYPE_CHECKING:
    from reelgate.db.statistics import Times

LEARNED = "learned"
"""The certainty of a price that an earlier video was told to cost."""
FRESH_S = 2.0
MAX_LEARNED = 1000

Like = tuple[str, Duration | None, str | None]
"""What the costs of earlier videos are told apart by: model, duration and resolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a video would cost and take.

    Attributes:
        model: who would make it.
        provider: its provider.
        request: what that would be asked.
        route: how a virtual model's target was chosen; None where none was asked for.
        quote: what it would cost.
        times: how long videos like it took; None until some are known.
        typical_s: the shortest and longest published times; None if none are.
        refusal: why its owner would be refused, whatever it has spent; None where it would not.
    """

    model: Model
    provider: Provider
    request: VideoRequest
    route: Route | None
    quote: Quote
    times: Times | None
    typical_s: tuple[float, float] | None
    refusal: ReelgateError | None


class Estimates:
    """Estimates for the models of a catalogue, and for whom of its callers they are too much."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        router: Router,
        gatekeeper: Gatekeeper,
        providers: Mapping[str, Provider],
        database: Database,
        clock: Clock,
        units_s: Mapping[str, float],
    ) -> None:
        """`units_s`: what counts as a second at each provider."""
        self.usd_per_credit: Mapping[str, Decimal] = catalog.usd_per_credit()
        self._catalog = catalog
        self._router = router
        self._gatekeeper = gatekeeper
        self._providers = providers
        self._database = database
        self._clock = clock
        self._units_s = units_s
        self._learned: Cache[Like, Money | None] = Cache(FRESH_S, clock, max_size=MAX_LEARNED)

    async def expected(self, request: VideoRequest, owner: str) -> Expected:
        """What a video would cost and take, were it asked for now.

        Raises:
            InvalidRequest: no target of a virtual model can make it.
            StorageFailed: the database cannot be used.
        """
        wanted, route = await self.routed(request, owner)
        model = self._catalog.find(wanted.model)
        _, quota = await self.terms(wanted, owner, request.model)
        provider = self._providers[model.provider]
        return Expected(
            model=model,
            provider=provider,
            request=wanted,
            route=route,
            quote=await self.quote(model, wanted),
            times=await self.times(model, wanted),
            typical_s=provider.typical_s(wanted),
            refusal=quota.refusal,
        )

    async def routed(self, request: VideoRequest, owner: str) -> tuple[VideoRequest, Route | None]:
        """The request for the model that makes the video, and how that was chosen, if it was."""
        if not self._router.is_virtual(request.model):
            return request, None

        async def refusal(target: VideoRequest) -> ReelgateError | None:
            _, quota = await self.terms(target, owner, request.model)
            return quota.refusal

        choice = await self._router.choose(request, refusal)
        return choice.request, choice.route

    async def terms(self, request: VideoRequest, owner: str, asked: str) -> tuple[Quote, Quota]:
        """What a video is expected to cost, and what its owner may have that asked for a model."""
        model = self._catalog.find(request.model)
        allowance = self._gatekeeper.allowance_of(owner)
        if allowance.limits_spending or MAX_PRICE.name in request.options:
            quote = await self.recent_quote(model, request)
        else:
            # Without a look at the database.
            quote = quote_by_price(model, request)
        rates = self.usd_per_credit
        quota = quota_of(allowance, model, quote, self._clock.now(), rates, asked=asked)
        if quota.refusal is None and (refusal := beyond_max_price(model, request, quote)):
            quota = replace(quota, refusal=refusal)
        return quote, quota

    async def quote(self, model: Model, request: VideoRequest) -> Quote:
        """What a video costs by its model's price, or else as the last one like it was told to.

        Raises:
            StorageFailed: the database cannot be used.
        """
        quote = quote_by_price(model, request)
        if quote.price is not None or request.source is not None:
            return quote
        return self._learned_quote(model, await self._last_cost(like_of(request)))

    async def recent_quote(self, model: Model, request: VideoRequest) -> Quote:
        """The same, as of some seconds ago: for those who ask for every new video.

        Raises:
            StorageFailed: the database cannot be used.
        """
        quote = quote_by_price(model, request)
        if quote.price is not None or request.source is not None:
            return quote
        like = like_of(request)
        learned = await self._learned.get(like, lambda: self._last_cost(like))
        return self._learned_quote(model, learned)

    async def times(self, model: Model, request: VideoRequest) -> Times | None:
        """How long videos like it took; None until some are known.

        Raises:
            StorageFailed: the database cannot be used.
        """
        # Loaded by the first who asks: a gateway that nobody asks does without.
        from reelgate.db.statistics import Statistics, times_of  # noqa: PLC0415

        kind = history_key(model.provider, request.kind, self._units_s[model.provider])
        return times_of(await Statistics(self._database).times(kind))

    def _learned_quote(self, model: Model, price: Money | None) -> Quote:
        if price is None:
            return Quote()
        return Quote(price, in_usd(price, self.usd_per_credit.get(model.id)), LEARNED)

    async def _last_cost(self, like: Like) -> Money | None:
        from reelgate.db.statistics import Statistics  # noqa: PLC0415 - as above

        model, duration, resolution = like
        wanted = {"duration": duration, "resolution": resolution}
        return await Statistics(self._database).last_cost(self._clock.now(), model, wanted)


def like_of(request: VideoRequest) -> Like:
    return request.model, request.duration, request.resolution
