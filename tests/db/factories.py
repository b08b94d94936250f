"""Videos for the store tests."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from reelgate.domain.polls import Poll, Polls
from reelgate.domain.price import Money, Unit
from reelgate.domain.routing import PassedOver, Route
from reelgate.domain.video import (
    Caller,
    Correction,
    Failure,
    KeptFile,
    RequestWarning,
    State,
    Timeline,
    Video,
    VideoRequest,
    new_video_id,
)
from reelgate.polling.distribution import Distribution
from reelgate.polling.forecast import Forecast
from reelgate.polling.observations import Prior

NOW = 1_800_000_000.0
REQUEST = VideoRequest(
    model="imagine-text-to-video",
    prompt="a cat, größer als 🌭",
    aspect_ratio="16:9",
    duration=5,
    resolution="720p",
    options={"style_id": 60503, "is_enhance": True},
)
FORECAST = Forecast.of(Distribution.learn([], Prior(60, 90)))
FILE = KeptFile("a.mp4", 5_000_000_000, "0" * 64, "video/mp4", "a.webp")
FAILURE = Failure("rate_limited", "slow down", 30.0)

_numbers = itertools.count()


def a_video(prompt: str = "", **fields: object) -> Video:
    """A new video of a request that no other test uses, unless a prompt is given."""
    request = replace(REQUEST, prompt=prompt or f"cat {next(_numbers)}")
    known: dict[str, Any] = {
        "id": new_video_id(),
        "owner": "",
        "request": request,
        "provider": "imagine",
        "timeline": Timeline(created_at=NOW),
    }
    return Video(**{**known, **fields})


def a_full_video() -> Video:
    """A video every field of which is set."""
    return a_video(
        REQUEST.prompt,
        owner="key_1",
        state=State.COMPLETED,
        epoch=3,
        caller=Caller.ANSWERED,
        attempts=2,
        retries=1,
        provider_id="job-1",
        batch_id="batch-1",
        cost=Money(10, Unit.USD),
        estimate=Money(12, Unit.USD),
        forecast=FORECAST,
        failure=FAILURE,
        file=FILE,
        expires_at=NOW + 100,
        remixed_from="video_0",
        metadata={"who": "me", "why": "because"},
        webhook_url="https://hook.example/",
        pushed_at=1_800_000_007.5,
        polls=Polls(2, (Poll(NOW + 30.5, "not_ready"), Poll(NOW + 60.25, "of tomorrow"))),
        route=Route(
            asked=VideoRequest(
                model="best",
                prompt="a cat",
                aspect_ratio=None,
                duration=8,
                resolution=None,
                options={"seed": 7},
            ),
            chosen="imagine/veo-3.1",
            why="the cheapest",
            passed=(PassedOver("fal/veo", "no credits"),),
            left=("gemini/veo",),
        ),
        warnings=(RequestWarning("seed", "seed was left out"),),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        decodings=1,
        marker="0b9d3c1e-0000-4000-8000-00000000000a",
        recheck_at=NOW + 200,
        corrects=Correction("submission_unknown", "nobody knew", NOW + 50),
        timeline=Timeline(NOW, NOW + 1, NOW + 2, NOW + 60.25, NOW + 61),
    )
