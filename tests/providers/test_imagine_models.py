from __future__ import annotations

import pytest

from reelgate.domain.catalog import Catalog, Model
from reelgate.providers.imagine.models import imagine_models, typical_s, usual_duration
from tests.providers.imagine_account import MODELS, a_request


def test_the_models_published_defaults_are_kept() -> None:
    first, *others = imagine_models("somewhere")
    assert first.id == "imagine-text-to-video"
    assert (first.created, first.owned_by, first.default("style_id")) == (
        1704067200,
        "imagine.art",
        60503,
    )
    assert (first.default("duration"), first.default("resolution")) == (12, "1080p")
    assert (first.default("aspect_ratio"), first.default("is_enhance")) == ("16:9", True)
    assert first.rows["style_id"].is_settable
    assert {model.provider for model in (first, *others)} == {"somewhere"}
    assert not any(
        model.rows[name].is_settable for model in others for name in ("style_id", "is_enhance")
    )


@pytest.mark.parametrize(
    ("model", "style_id", "duration", "resolution", "aspect_ratio"),
    [
        ("seedance-2.0", 21905, 5, "480p", "16:9"),
        ("seedance-2.0-fast", 21906, 5, "480p", "16:9"),
        ("seedance-1.5-pro", 40005, 5, "480p", "16:9"),
        ("seedance-pro-fast", 40004, 5, "480p", "16:9"),
        ("veo-3.1", 17001, 6, "720p", "16:9"),
        ("veo-3.1-fast", 17002, 6, "720p", "16:9"),
        ("kling-3.0-pro", 11020, 5, None, "16:9"),
        ("kling-o3", 11021, 5, None, "16:9"),
        ("kling-2.6-pro", 11017, 5, None, "16:9"),
        ("ltx-2.3", 23202, 6, "1080p", "16:9"),
        ("wan-2.6", 22309, 5, "720p", "16:9"),
        ("wan-2.2", 22701, None, None, None),
        ("happy_horse", 23401, 5, "720p", "16:9"),
        ("pixverse-v6", 14010, 5, "360p", "16:9"),
    ],
)
def test_each_model_has_a_usual_choice(
    model: str,
    style_id: int,
    duration: int | None,
    resolution: str | None,
    aspect_ratio: str | None,
) -> None:
    request = a_request(model=model)
    assert request.options["style_id"] == style_id
    assert request.duration == duration
    assert request.resolution == resolution
    assert request.aspect_ratio == aspect_ratio
    assert "is_enhance" not in request.options


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_each_models_defaults_are_among_what_it_takes(model: Model) -> None:
    for default, allowed in (
        (model.default("aspect_ratio"), model.aspect_ratios),
        (model.default("duration"), model.durations),
        (model.default("resolution"), model.resolutions),
    ):
        assert default in allowed or (default is None and not allowed)


def test_the_catalog_holds_all_fifteen() -> None:
    assert len(Catalog(imagine_models("imagine")).models()) == 15


def test_a_model_with_no_long_duration_takes_its_longest() -> None:
    assert usual_duration((2, 3)) == 3
    assert usual_duration(("auto",)) == "auto"


@pytest.mark.parametrize(
    ("duration", "resolution", "expected"),
    [(5, "720p", (60, 90)), (6, "720p", (70, 100)), (12, "1080p", (120, 180))],
)
def test_the_published_times_are_kept(
    duration: int, resolution: str, expected: tuple[float, float]
) -> None:
    assert typical_s(a_request(duration=duration, resolution=resolution)) == expected


def test_what_nobody_published_lies_between() -> None:
    assert typical_s(a_request(duration=12, resolution="720p")) == (96, 144)
    between = typical_s(a_request(duration=8, resolution="720p"))
    assert between is not None
    assert 70 < between[0] < 96
    assert 100 < between[1] < 144
    assert typical_s(a_request(duration=30, resolution="1080p")) == (120, 180)
    assert typical_s(a_request(duration=1, resolution="720p")) == (60, 90)


@pytest.mark.parametrize(
    "fields",
    [{"resolution": "4k"}, {"resolution": None}, {"duration": "auto"}, {"model": "wan-2.2"}],
)
def test_of_other_kinds_nothing_is_published(fields: dict[str, str]) -> None:
    assert typical_s(a_request(**fields)) is None
