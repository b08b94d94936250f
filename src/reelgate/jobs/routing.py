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
        able, passed = self._able(virtual, asked)
        able, refused = await allowed(able, refusal)
        if refused and not able:
            raise next(iter(refused.values()))
        passed += [PassedOver(name, error.message) for name, error in refused.items()]
        if not able:
            whys = "; ".join(f"{each.model}: {each.why}" for each in passed)
            message = f"no target of {asked.model} can make this video: {whys}"
            raise InvalidRequest(message)
        ordered = await self._in_order(virtual, able)
        open_ones = [each for each in ordered if self._closed(each[0].provider) is None]
        [(model, request), *others] = open_ones or ordered
        if open_ones:
            passed += [
                PassedOver(each.id, self._closed(each.provider) or "")
                for each, _ in ordered
                if self._closed(each.provider) is not None
            ]
        route = Route(
            asked=asked,
            chosen=model.id,
            why=why_of(virtual, len(others)),
            passed=tuple(passed),
            left=tuple(each.id for each, _ in others),
        )
        return Choice(model, request, route)

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
            request = None if closed else self._request(model, route.asked)
            if request is None:
                passed.append(PassedOver(name, closed or "it cannot make this video"))
                continue
            left = route.left[position + 1 :]
            told = replace(route, chosen=name, passed=tuple(passed), left=left)
            why = f"the next target after {route.chosen} refused"
            return Choice(model, request, replace(told, why=why))
        return None

    def _any_open(self, names: Iterable[str]) -> bool:
        return any(self._closed(self._catalog.find(name).provider) is None for name in names)

    def _closed(self, account: str) -> str | None:
        until, why = self._avoided.get(account, (0.0, ""))
        if until > self._clock.monotonic():
            return why
        return self._closed_because(account)

    def _able(
        self, virtual: VirtualModel, asked: VideoRequest
    ) -> tuple[list[tuple[Model, VideoRequest, Target]], list[PassedOver]]:
        """The targets that can make a video, and why the others cannot."""
        able, passed = [], []
        for target in virtual.targets:
            model = self._catalog.find(target.model)
            try:
                request, _ = model.read(said_of(asked), asked.references)
            except InvalidRequest as error:
                passed.append(PassedOver(model.id, error.message))
            else:
                able.append((model, request, target))
        return able, passed

    def _request(self, model: Model, asked: VideoRequest) -> VideoRequest | None:
        try:
            return model.read(said_of(asked), asked.references)[0]
        except InvalidRequest:
            return None

    async def _in_order(
        self, virtual: VirtualModel, able: Sequence[tuple[Model, VideoRequest, Target]]
    ) -> list[tuple[Model, VideoRequest]]:
        """The targets by the virtual model's goal; equal ones as they stand."""
        plain = [(model, request) for model, request, _ in able]
        match virtual.goal:
            case Goal.CHEAPEST:
                return sorted(plain, key=lambda each: usd_micros(*each))
            case Goal.FASTEST:
                times = [await self._expected_s(model, request) for model, request in plain]
                order = sorted(range(len(plain)), key=times.__getitem__)
                return [plain[position] for position in order]
            case Goal.FIRST:
                return self._drawn(able) if any(t.weight is not None for *_, t in able) else plain

    def _drawn(
        self, able: Sequence[tuple[Model, VideoRequest, Target]]
    ) -> list[tuple[Model, VideoRequest]]:
        """In an order drawn by the weights, without replacement."""
        rest = list(able)
        drawn: list[tuple[Model, VideoRequest]] = []
        while rest:
            weights = [target.weight or 0.0 for *_, target in rest]
            pick = self._rng.choices(range(len(rest)), weights if any(weights) else None)[0]
            model, request, _ = rest.pop(pick)
            drawn.append((model, request))
        return drawn


async def allowed(
    able: Iterable[tuple[Model, VideoRequest, Target]], refusal: Refusal
) -> tuple[list[tuple[Model, VideoRequest, Target]], dict[str, ReelgateError]]:
    """The targets that a caller's key may have, and why it may not have the others, by model."""
    left, refused = [], {}
    for model, request, target in able:
        error = await refusal(request)
        if error is None:
            left.append((model, request, target))
        else:
            refused[model.id] = error
    return left, refused


def usd_micros(model: Model, request: VideoRequest) -> float:
    """A request's price in millionths of a dollar; infinite where it is not known."""
    price = price_of(model, request)
    dollars = None if price is None else in_usd(price, model.usd_per_credit)
    return float("inf") if dollars is None else dollars.amount


def why_of(virtual: VirtualModel, others: int) -> str:
    """Why the chosen target goes first, a few words."""
    if not others:
        return "the only target that can be asked"
    if virtual.goal is Goal.FIRST and any(each.weight is not None for each in virtual.targets):
        return "drawn by weight"
    return {
        Goal.FIRST: "the first that can be asked",
        Goal.CHEAPEST: "the cheapest that can be asked",
        Goal.FASTEST: "the fastest that can be asked, by what was learned",
    }[virtual.goal]
