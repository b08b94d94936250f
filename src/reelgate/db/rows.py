"""A video as a row, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from pydantic_core import from_json
from sqlalchemy import RowMapping

from reelgate.domain import reference
from reelgate.domain.polls import Poll, Polls
from reelgate.domain.price import Money, Unit
from reelgate.domain.routing import PassedOver, Route
from reelgate.domain.video import (
    FINGERPRINTED,
    NAMED,
    Caller,
    Correction,
    Failure,
    KeptFile,
    RequestWarning,
    State,
    Timeline,
    Video,
    VideoRequest,
)
from reelgate.polling.forecast import Forecast

PROGRESS_COLUMNS = (
    "state",
    "attempts",
    "provider_id",
    "batch_id",
    "cost",
    "unit",
    "forecast",
    "failure",
    "file",
    "file_bytes",
    "expires_at",
    "created_at",
    "submitting_at",
    "submitted_at",
    "ready_at",
    "completed_at",
    "marker",
    "recheck_at",
    "corrects",
)
"""The columns that only the worker that runs the job changes."""

FORECAST_FIELDS, FAILURE_FIELDS, FILE_FIELDS, CORRECTION_FIELDS, WARNING_FIELDS = (
    frozenset(field.name for field in fields(record))
    for record in (Forecast, Failure, KeptFile, Correction, RequestWarning)
)


FlatRecord = Timeline | Forecast | Failure | KeptFile | Correction | RequestWarning


def to_row(video: Video) -> dict[str, Any]:
    return {
        "id": video.id,
        "owner": video.owner,
        "model": video.request.model,
        "request": json.dumps(video.request.as_json()),
        "fingerprint": video.asked.fingerprint(),
        "provider": video.provider,
        "epoch": video.epoch,
        "remixed_from": video.remixed_from,
        "caller": video.caller.value,
        "retries": video.retries,
        "decodings": video.decodings,
        "webhook_url": video.webhook_url,
        "traceparent": video.traceparent,
        "metadata": json.dumps(dict(video.metadata)) if video.metadata else None,
        "warnings": json.dumps([shallow(each) for each in video.warnings])
        if video.warnings
        else None,
        "estimate": None if video.estimate is None else video.estimate.amount,
        "route": None if video.route is None else json.dumps(route_as_json(video.route)),
        "pushed_at": video.pushed_at,
        "polls": polls_column(video.polls),
        **progress_columns(video),
    }


def progress_columns(video: Video) -> dict[str, Any]:
    """The values of `PROGRESS_COLUMNS`."""
    return {
        "state": video.state.value,
        "attempts": video.attempts,
        "provider_id": video.provider_id,
        "batch_id": video.batch_id,
        "cost": None if video.cost is None else video.cost.amount,
        "unit": None if video.unit is None else video.unit.value,
        "forecast": json.dumps(shallow(video.forecast)) if video.forecast else None,
        "failure": json.dumps(shallow(video.failure)) if video.failure else None,
        "file": json.dumps(shallow(video.file)) if video.file else None,
        "file_bytes": video.file.size_bytes if video.file else None,
        "expires_at": video.expires_at,
        "marker": video.marker,
        "recheck_at": video.recheck_at,
        "corrects": json.dumps(shallow(video.corrects)) if video.corrects else None,
        **shallow(video.timeline),
    }


def read_json(text: str) -> Any:  # noqa: ANN401 - whatever it says
    """What a column of JSON holds: by Pydantic's parser, in a third of the standard one's time."""
    try:
        return from_json(text)
    except ValueError:
        # It refuses half of a surrogate pair, which an upstream may have said.
        return json.loads(text)


def from_row(row: RowMapping) -> Video:
    return Video(
        id=row["id"],
        owner=row["owner"],
        request=to_request(read_json(row["request"])),
        provider=row["provider"],
        state=State(row["state"]),
        epoch=row["epoch"],
        caller=Caller(row["caller"]),
        retries=row["retries"],
        webhook_url=row["webhook_url"],
        traceparent=row["traceparent"],
        attempts=row["attempts"],
        provider_id=row["provider_id"],
        batch_id=row["batch_id"],
        cost=to_money(row["cost"], row["unit"]),
        estimate=to_money(row["estimate"], row["unit"]),
        forecast=to_forecast(read_json(row["forecast"])) if row["forecast"] else None,
        failure=Failure(**known(read_json(row["failure"]), FAILURE_FIELDS))
        if row["failure"]
        else None,
        file=KeptFile(**known(read_json(row["file"]), FILE_FIELDS)) if row["file"] else None,
        expires_at=row["expires_at"],
        remixed_from=row["remixed_from"],
        metadata=read_json(row["metadata"]) if row["metadata"] else {},
        warnings=to_warnings(read_json(row["warnings"])) if row["warnings"] else (),
        decodings=row["decodings"] or 0,
        marker=row["marker"],
        recheck_at=row["recheck_at"],
        corrects=Correction(**known(read_json(row["corrects"]), CORRECTION_FIELDS))
        if row["corrects"]
        else None,
        pushed_at=row["pushed_at"],
        polls=to_polls(row.get("polls")),
        route=to_route(read_json(row["route"])) if row["route"] else None,
        timeline=Timeline(
            created_at=row["created_at"],
            submitting_at=row["submitting_at"],
            submitted_at=row["submitted_at"],
            ready_at=row["ready_at"],
            completed_at=row["completed_at"],
        ),
    )


def to_request(stored: dict[str, Any]) -> VideoRequest:
    """The request of a row; what is not named, also what a newer version added, is an option."""
    references = reference.taken_from(stored)
    options = {
        name: value
        for name in stored.keys() - NAMED
        if (value := stored.pop(name)) is not None or name not in FINGERPRINTED
    }
    return VideoRequest(**stored, references=references, options=options)


def to_warnings(stored: list[dict[str, Any]]) -> tuple[RequestWarning, ...]:
    return tuple(RequestWarning(**known(each, WARNING_FIELDS)) for each in stored)


def route_as_json(route: Route) -> dict[str, Any]:
    """A route as rows hold it."""
    return {
        "asked": route.asked.as_json(),
        "chosen": route.chosen,
        "why": route.why,
        "passed": [[each.model, each.why] for each in route.passed],
        "left": list(route.left),
    }


def to_route(stored: dict[str, Any]) -> Route:
    """The route of a row."""
    return Route(
        asked=to_request(stored["asked"]),
        chosen=stored["chosen"],
        why=stored["why"],
        passed=tuple(PassedOver(model, why) for model, why in stored["passed"]),
        left=tuple(stored["left"]),
    )


def polls_column(polls: Polls | None) -> str | None:
    """Polls as rows hold them."""
    if polls is None:
        return None
    return json.dumps({"count": polls.count, "kept": polls.kept}, separators=(",", ":"))


def to_polls(stored: str | None) -> Polls | None:
    """The polls of a row."""
    if not stored:
        return None
    told = read_json(stored)
    return Polls(told["count"], tuple(map(Poll._make, told["kept"])))


def to_money(amount: int | None, unit: str | None) -> Money | None:
    """Rows of versions that knew no other unit name none."""
    return None if amount is None else Money(amount, Unit(unit) if unit else Unit.CREDITS)


def to_forecast(stored: dict[str, Any]) -> Forecast:
    """JSON knows no tuples."""
    told = known(stored, FORECAST_FIELDS)
    return Forecast(**{name: tuple(values) for name, values in told.items()})


def known(stored: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """A stored record without what a newer version wrote beside these fields."""
    for name in stored.keys() - names:
        del stored[name]
    return stored


def shallow(record: FlatRecord) -> dict[str, Any]:
    """The fields of a flat record; `asdict` would copy each value deeply, at ten times the cost."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
