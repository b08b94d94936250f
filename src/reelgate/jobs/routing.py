"""Chooses which model makes a video that a virtual model was asked for.

Before anything is sent the targets are put in order, and those that cannot make the video or take
nothing now are passed over. One that surely refuses it hands it on to the next; a submit whose
outcome is not known never does.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reelgate.clock import Clock
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.price import Money, in_usd, price_of
from reelgate.domain.quota import beyond_max_price, quote_by_price
from reelgate.domain.routing import Goal, PassedOver, Route, Target, VirtualModel, said_of
from reelgate.domain.video import Video, VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    InvalidRequest,
    ModerationBlocked,
    RateLimited,
    ReelgateError,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)

AVOIDED_FOR_S = 60.0
"""How long an account that cannot take anything is passed over before it is tried again."""
Refusal = Callable[[VideoRequest], Awaitable[ReelgateError | None]]
CANNOT_TAKE = (InsufficientCredits, UpstreamUnauthorized, UpstreamUnavailable)


@dataclass(frozen=True, slots=True)
class AbleTarget:
    """A target that can make a video, and the request it would be sent."""

    target: Target
    model: Model
    request: VideoRequest


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, and what it is to be asked."""

    model: Model
    request: VideoRequest
    route: Route

    @property
    def estimate(self) -> Money | None:
        """What it costs by the model's price; None where that does not say."""
        return price_of(self.model, self.request)


class Router:
    """Virtual models and their targets."""

    def __init__(
        self,
        catalog: Catalog,
        virtual: Mapping[str, VirtualModel],
        *,
        closed_because: Callable[[str], str | None],
        expected_s: Callable[[Model, VideoRequest], Awaitable[float]],
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        """The targets stand in the catalogue.

        Args:
            catalog: every model.
            virtual: the virtual models, by name.
            closed_because: why an account takes no submit now; None where it does.
            expected_s: how long a request is expected to take, in seconds.
            clock: the time.
            rng: draws among targets with weights.
        """
        self._catalog = catalog
        self._virtual = virtual
        self._closed_because = closed_because
        self._expected_s = expected_s
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - nothing secret
        self._avoided: dict[str, tuple[float, str]] = {}

    def is_virtual(self, model: str) -> bool:
        """Whether a name stands for several models."""
        return model in self._virtual

    async def choose(self, asked: VideoRequest, refusal: Refusal) -> Choice:
        """The model that makes a video that a virtual model was asked for.

        Where no account takes anything now, the first that could make the video does, once it can.

        Args:
            asked: the request, for the virtual model.
            refusal: why the caller's key may not have a target's video; None where it may.

        Raises:
            InvalidRequest: no target can make it.
            ReelgateError: some could, and the caller's key may have none of them.
        """
        virtual = self._virtual[asked.model]
        able, passed = self._able(virtual.targets, asked)
        able, refused = await allowed(able, refusal)
        if refused and not able:
            raise next(iter(refused.values()))
        passed += [PassedOver(name, error.message) for name, error in refused.items()]
        if not able:
            whys = "; ".join(f"{each.model}: {each.why}" for each in passed)
            message = f"no target of {asked.model} can make this video: {whys}"
            raise InvalidRequest(message)
        ordered = await self._in_order(virtual, able)
        open_ones: list[AbleTarget] = []
        closed: list[PassedOver] = []
        for each in ordered:
            why = self._closed(each.model.provider)
            if why is None:
                open_ones.append(each)
            else:
                closed.append(PassedOver(each.model.id, why))
        if open_ones:
            passed += closed
        first, *others = open_ones or ordered
        route = Route(
            asked=asked,
            chosen=first.model.id,
            why=why_of(virtual.goal, first, others),
            passed=tuple(passed),
            left=tuple(each.model.id for each in others),
        )
        return Choice(first.model, first.request, route)

    def after_refusal(self, video: Video, error: UpstreamError) -> Choice | None:
        """Who is asked next for a video that its model has surely refused; None: nobody else is.

        Moderation is final: a prompt that one vendor refuses is not offered to the others.
        """
        route = video.route
        if route is None or not error.surely_refused or isinstance(error, ModerationBlocked):
            return None
        if isinstance(error, CANNOT_TAKE):
            until = self._clock.monotonic() + AVOIDED_FOR_S
            self._avoided[video.provider] = (until, error.message)
        if isinstance(error, RateLimited | UpstreamUnavailable) and not self._any_open(route.left):
            # All of them rest: this one is asked again when it may be.
            return None
        passed = [*route.passed, PassedOver(route.chosen, error.message)]
        for position, name in enumerate(route.left):
            model = self._catalog.find(name)
            closed = self._closed(model.provider)
            if closed is not None:
                passed.append(PassedOver(name, closed))
                continue
            request = request_for(model, route.asked)
            if isinstance(request, InvalidRequest):
                passed.append(PassedOver(name, request.message))
                continue
            quote = quote_by_price(model, request)
            # One without a price was chosen knowing that, or by what was learned of it.
            if quote.price is not None and (why := beyond_max_price(model, request, quote)):
                passed.append(PassedOver(name, why.message))
                continue
            left = route.left[position + 1 :]
            told = replace(route, chosen=name, passed=tuple(passed), left=left)
            because = f"the next target after {route.chosen} refused"
            return Choice(model, request, replace(told, why=because))
        return None

    def _any_open(self, names: Iterable[str]) -> bool:
        return any(self._closed(self._catalog.find(name).provider) is None for name in names)

    def _closed(self, account: str) -> str | None:
        until, why = self._avoided.get(account, (0.0, ""))
        if until > self._clock.monotonic():
            return why
        return self._closed_because(account)

    def _able(
        self, targets: Iterable[Target], asked: VideoRequest
    ) -> tuple[list[AbleTarget], list[PassedOver]]:
        """The targets that can make a video, and why the others cannot."""
        able, passed = [], []
        for target in targets:
            model = self._catalog.find(target.model)
            request = request_for(model, asked)
            if isinstance(request, InvalidRequest):
                passed.append(PassedOver(model.id, request.message))
            else:
                able.append(AbleTarget(target, model, request))
        return able, passed

    async def _in_order(
        self, virtual: VirtualModel, able: Sequence[AbleTarget]
    ) -> Sequence[AbleTarget]:
        """The targets by the virtual model's goal; equal ones as they stand."""
        match virtual.goal:
            case Goal.CHEAPEST:
                return sorted(able, key=lambda each: usd_micros(each.model, each.request))
            case Goal.FASTEST:
                times = [await self._expected_s(each.model, each.request) for each in able]
                order = sorted(range(len(able)), key=times.__getitem__)
                return [able[position] for position in order]
            case Goal.FIRST:
                return self._drawn(able) if have_weights(able) else able

    def _drawn(self, able: Sequence[AbleTarget]) -> list[AbleTarget]:
        """In an order drawn by the weights, without replacement."""
        rest = list(able)
        drawn = []
        while rest:
            weights = [each.target.weight or 0.0 for each in rest]
            pick = self._rng.choices(range(len(rest)), weights if any(weights) else None)[0]
            drawn.append(rest.pop(pick))
        return drawn


def request_for(model: Model, asked: VideoRequest) -> VideoRequest | InvalidRequest:
    """What a model is asked for a video that a virtual model was asked for, or why it cannot."""
    try:
        request, _ = model.read(said_of(asked), asked.references)
    except InvalidRequest as error:
        return error
    return request


async def allowed(
    able: Iterable[AbleTarget], refusal: Refusal
) -> tuple[list[AbleTarget], dict[str, ReelgateError]]:
    """The targets that a caller's key may have, and why it may not have the others, by model."""
    left, refused = [], {}
    for each in able:
        error = await refusal(each.request)
        if error is None:
            left.append(each)
        else:
            refused[each.model.id] = error
    return left, refused


def usd_micros(model: Model, request: VideoRequest) -> float:
    """A request's price in millionths of a dollar; infinite where it is not known."""
    price = price_of(model, request)
    dollars = None if price is None else in_usd(price, model.usd_per_credit)
    return float("inf") if dollars is None else dollars.amount


def have_weights(able: Iterable[AbleTarget]) -> bool:
    """Whether any of them has a share, so that the order is drawn."""
    return any(each.target.weight is not None for each in able)


def why_of(goal: Goal, first: AbleTarget, others: Sequence[AbleTarget]) -> str:
    """Why the chosen target goes first, a few words."""
    if not others:
        return "the only target that can be asked"
    if goal is Goal.FIRST and have_weights([first, *others]):
        return "drawn by weight"
    return {
        Goal.FIRST: "the first that can be asked",
        Goal.CHEAPEST: "the cheapest that can be asked",
        Goal.FASTEST: "the fastest that can be asked, by what was learned",
    }[goal]
