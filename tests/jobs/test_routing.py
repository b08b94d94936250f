"""In what order the targets of a virtual model are asked."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from reelgate.clock import SystemClock
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.fields import DURATION
from reelgate.domain.price import Price, Unit, per_second
from reelgate.domain.quota import beyond_max_price, quote_by_price
from reelgate.domain.routing import Goal, Target, VirtualModel, as_model
from reelgate.domain.video import Timeline, Video, VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    InvalidRequest,
    ModerationBlocked,
    PriceRefused,
    RateLimited,
    UpstreamError,
    UpstreamFault,
)
from reelgate.jobs.routing import Choice, Router


def a_model(name: str, usd: str | None, *seconds: int) -> Model:
    price = None if usd is None else Price(Unit.USD, "official", (per_second(usd),))
    duration = replace(DURATION, allowed=seconds, default=seconds[0])
    return Model(
        id=name, provider=f"at-{name}", owned_by="x", created=0, price=price, fields=(duration,)
    )


MODELS = (a_model("dear", "0.40", 4, 8), a_model("cheap", "0.10", 8), a_model("free", None, 8, 16))
SPEED = {"dear": 10.0, "cheap": 300.0, "free": 60.0}


def a_router(
    goal: Goal = Goal.FIRST, *, weights: dict[str, float] | None = None, **closed: str
) -> tuple[Router, Model]:
    weighted = weights or {}
    targets = tuple(Target(model.id, weighted.get(model.id)) for model in MODELS)
    virtual = VirtualModel("best", targets, goal)
    model = as_model(virtual, MODELS)

    async def expected_s(target: Model, _request: VideoRequest) -> float:
        return SPEED[target.id]

    router = Router(
        Catalog([*MODELS, model]),
        {"best": virtual},
        closed_because=lambda account: closed.get(account.removeprefix("at-")),
        expected_s=expected_s,
        clock=SystemClock(),
        rng=random.Random(7),
    )
    return router, model


async def chosen(router: Router, model: Model, *, duration: int) -> Choice:
    return await router.choose(model.request(prompt="a cat", duration=duration), anything_goes)


async def anything_goes(_target: VideoRequest) -> None:
    """A key without limits."""


@pytest.mark.parametrize(
    ("goal", "order"),
    [
        (Goal.FIRST, ["dear", "cheap", "free"]),
        (Goal.CHEAPEST, ["cheap", "dear", "free"]),
        (Goal.FASTEST, ["dear", "free", "cheap"]),
    ],
)
async def test_each_goal_has_its_order(goal: Goal, order: list[str]) -> None:
    choice = await chosen(*a_router(goal), duration=8)
    assert [choice.route.chosen, *choice.route.left] == order
    assert choice.request.model == order[0]
    assert choice.route.why


async def test_weights_draw_in_their_shares() -> None:
    router, model = a_router(weights={"dear": 3, "cheap": 1})
    picks = Counter([(await chosen(router, model, duration=8)).route.chosen for _ in range(400)])
    assert 250 < picks["dear"] < 350
    assert picks["free"] == 0


async def test_a_target_that_cannot_make_it_is_passed_over_and_told() -> None:
    choice = await chosen(*a_router(), duration=4)
    assert (choice.route.chosen, choice.route.left) == ("dear", ())
    assert [each.model for each in choice.route.passed] == ["cheap", "free"]
    assert "duration 4" in choice.route.passed[0].why


async def test_a_target_that_rests_is_passed_over() -> None:
    choice = await chosen(*a_router(dear="it asked for a rest of 9 s more"), duration=8)
    assert choice.route.chosen == "cheap"
    assert choice.route.passed[0].why == "it asked for a rest of 9 s more"


async def test_where_all_rest_the_first_one_is_waited_for() -> None:
    choice = await chosen(*a_router(dear="rests", cheap="rests", free="rests"), duration=8)
    assert choice.route.chosen == "dear"


async def test_what_no_target_takes_is_refused_with_each_reason() -> None:
    router, model = a_router()
    impossible = replace(model.request(prompt="x"), duration=5)
    with pytest.raises(InvalidRequest) as caught:
        await router.choose(impossible, anything_goes)
    assert "dear" in caught.value.message
    assert "free" in caught.value.message


async def test_a_target_that_the_callers_key_may_not_have_is_passed_over() -> None:
    async def refusal(target: VideoRequest) -> PriceRefused | None:
        return PriceRefused("too dear") if target.model in refused else None

    router, model = a_router()
    asked = model.request(prompt="a cat", duration=8)
    refused = {"dear"}
    choice = await router.choose(asked, refusal)
    assert (choice.route.chosen, choice.route.left) == ("cheap", ("free",))
    assert [(each.model, each.why) for each in choice.route.passed] == [("dear", "too dear")]
    refused |= {"cheap", "free"}
    with pytest.raises(PriceRefused, match="too dear"):
        await router.choose(asked, refusal)


def a_video(choice: Choice) -> Video:
    return Video(
        id="v",
        owner="",
        request=choice.request,
        provider=choice.model.provider,
        timeline=Timeline(0.0),
        route=choice.route,
    )


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (InsufficientCredits("none left"), "cheap"),
        (RateLimited("slow"), "cheap"),
        (UpstreamError("no such model"), "cheap"),
        (ModerationBlocked("no"), None),
        (UpstreamFault("500"), None),
    ],
)
async def test_only_a_sure_refusal_goes_on_to_the_next(
    error: UpstreamError, after: str | None
) -> None:
    router, model = a_router()
    choice = router.after_refusal(a_video(await chosen(router, model, duration=8)), error)
    assert (choice.request.model if choice else None) == after
    if choice:
        assert choice.route.passed[-1].why == error.message
        assert choice.route.left == ("free",)


async def test_an_account_out_of_credits_is_passed_over_for_a_while() -> None:
    router, model = a_router()
    router.after_refusal(a_video(await chosen(router, model, duration=8)), InsufficientCredits("x"))
    assert (await chosen(router, model, duration=8)).route.chosen == "cheap"


async def test_a_request_falls_over_to_nobody_whose_price_is_above_its_own_limit() -> None:
    """Neither to one that was too dear from the start, nor to one that has become so."""

    async def refusal(target: VideoRequest) -> PriceRefused | None:
        model = next(each for each in MODELS if each.id == target.model)
        return beyond_max_price(model, target, quote_by_price(model, target))

    router, model = a_router(Goal.CHEAPEST)
    asked = model.request(prompt="a cat", duration=8, max_price=2.5, allow_unpriced=True)
    choice = await router.choose(asked, refusal)
    assert (choice.route.chosen, choice.route.left) == ("cheap", ("free",))
    assert [each.model for each in choice.route.passed] == ["dear"]
    assert "max_price is $2.50" in choice.route.passed[0].why
    # As after a start at which the prices were other ones.
    left = replace(choice.route, left=("dear", "free"))
    video = replace(a_video(choice), route=left)
    after = router.after_refusal(video, InsufficientCredits("none left"))
    assert after is not None
    assert (after.request.model, after.route.left) == ("free", ())
    assert [each.model for each in after.route.passed] == ["dear", "cheap", "dear"]


async def test_a_video_of_a_plain_model_has_nobody_else() -> None:
    router, model = a_router()
    video = replace(a_video(await chosen(router, model, duration=8)), route=None)
    assert router.after_refusal(video, InsufficientCredits("x")) is None
