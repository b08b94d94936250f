"""`/v1/usage`: what was asked for and what it has cost, by day, model, provider and key."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, Field

from reelgate.domain.price import MICROS
from reelgate.errors import InvalidRequest, Problem
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute
from reelgate.http.openapi import Responses
from reelgate.http.parsing import check_once
from reelgate.http.schemas import ErrorAnswer

if TYPE_CHECKING:
    from reelgate.domain.usage import Totals, Usage

router = APIRouter(prefix="/v1", tags=["Statistics"], route_class=AuthenticatedRoute)

DAYS = 30
FIRST_DAY = date(1970, 1, 1)
ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
BY = ("day", "model", "provider", "key")
"""What usage is told by, in this order."""
CSV = "text/csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by (OWASP, CSV injection)."""


def iso_day(told: str) -> date:
    """A day as `2026-11-26`; Pydantic alone would take numbers for one, too.

    Raises:
        ValueError: it is none.
    """
    if ISO_DAY.fullmatch(told) is None:
        message = "is a day such as 2026-11-26"
        raise ValueError(message)
    return date.fromisoformat(told)


By = Literal["day", "model", "provider", "key"]
Day = Annotated[date, BeforeValidator(iso_day)]
REFUSED: Responses = {422: {"model": ErrorAnswer, "description": "A value that is not allowed."}}


class UsageLine(BaseModel):
    """The videos that have all this in common."""

    day: str | None = Field(None, description="When they were asked for, a day of UTC.")
    model: str | None = None
    provider: str | None = None
    key: str | None = Field(None, description="The API key's id; empty for those made without one.")
    key_name: str | None = None
    jobs: int
    completed: int
    failed: int
    credits: int = Field(description="The providers' own, as told, or else as expected.")
    usd: float = Field(description="The same in dollars, with the credits whose price is known.")
    unpriced: int = Field(description="Jobs that may have cost what nobody knows.")


class UsageList(BaseModel):
    """What a key has asked for; an operator's sees everybody's."""

    object: Literal["list"] = "list"
    since: str
    until: str
    data: list[UsageLine]
    total: UsageLine


@router.get(
    "/usage",
    summary="What was asked for and what it has cost",
    response_model=UsageList,
    responses=REFUSED
    | {200: {"content": {"application/json": {}, CSV: {"schema": {"type": "string"}}}}},
)
async def get_usage(
    request: AuthenticatedRequest,
    since: Annotated[Day | None, Query(description="The first day; 30 days ago if none.")] = None,
    until: Annotated[Day | None, Query(description="The last day; today if none.")] = None,
    by: Annotated[
        str, Query(description="Some of `day`, `model`, `provider`, `key`, with commas.")
    ] = ",".join(BY),
    key: Annotated[str | None, Query(description="Only this API key's.")] = None,
    format: Annotated[  # noqa: A002 - the name in the query
        Literal["json", "csv"] | None, Query(description="Or `Accept: text/csv`.")
    ] = None,
) -> Response:
    """Days of UTC, those at both ends included. Deleted videos count, too."""
    # Loaded by the first who asks: a gateway that nobody asks does without.
    from reelgate.db.usage import UsageReports  # noqa: PLC0415
    from reelgate.domain.usage import Span, totals  # noqa: PLC0415

    request.check_may_list()
    check_once(name for name, _ in request.query_params.multi_items())
    columns = columns_of(by)
    today = int(request.service.now() // 86400)
    last = day_number(until, today)
    request.check_key(key)
    owner = key if request.is_operator else request.owner
    span = Span(day_number(since, last - DAYS), last, owner)
    if span.first > span.last:
        message = f"since {since} is after until {day_name(last)}: use an earlier day"
        raise InvalidRequest(problems=(Problem("since", message, str(since)),))
    usage, names = await UsageReports(request.ctx.database).of(span)
    rates = request.service.estimates.usd_per_credit
    found = totals(usage, lambda each: values_of(each, columns), rates)
    lines = [line_of(columns, told, each, names) for told, each in found.items()]
    if format == "csv" or (format is None and CSV in request.headers.get("accept", "")):
        return as_csv(columns, lines)
    [total] = totals(usage, lambda _: (), rates).values() if usage else [None]
    return JSONResponse(
        {
            "object": "list",
            "since": day_name(span.first),
            "until": day_name(span.last),
            "data": lines,
            "total": numbers_of(total),
        },
        headers={"Cache-Control": "no-store"},
    )


def columns_of(by: str) -> tuple[By, ...]:
    """What to tell usage by.

    Raises:
        InvalidRequest: one of them is nothing that it can be told by.
    """
    asked = [each.strip() for each in by.split(",") if each.strip()]
    for each in asked:
        if each not in BY:
            message = f"by {each!r} is not allowed: use some of {', '.join(BY)}"
            raise InvalidRequest(problems=(Problem("by", message, each, BY),))
    return tuple(cast("By", each) for each in BY if each in asked)


def day_number(day: date | None, otherwise: int) -> int:
    """Days since 1 January 1970."""
    return otherwise if day is None else (day - FIRST_DAY).days


def day_name(day: int) -> str:
    """A day as ISO 8601 writes it."""
    return datetime.fromtimestamp(day * 86400, UTC).date().isoformat()


def values_of(each: Usage, columns: tuple[By, ...]) -> tuple[str | int, ...]:
    """What of it is told."""
    told: dict[str, str | int] = {
        "day": each.day,
        "model": each.model,
        "provider": each.provider,
        "key": each.owner,
    }
    return tuple(told[column] for column in columns)


def line_of(
    columns: tuple[By, ...],
    told: tuple[str | int, ...],
    total: Totals,
    names: Mapping[str, str],
) -> dict[str, Any]:
    """One line of the report."""
    line: dict[str, Any] = dict(zip(columns, told, strict=True))
    if "day" in line:
        line["day"] = day_name(line["day"])
    if "key" in line:
        line["key_name"] = names.get(line["key"])
    return line | numbers_of(total)


def numbers_of(total: Totals | None) -> dict[str, int | float]:
    """The numbers of a line; all zero where there was nothing."""
    names = ("jobs", "completed", "failed", "credits", "usd", "unpriced")
    told: dict[str, int | float] = {name: getattr(total, name, 0) for name in names}
    return told | {"usd": told["usd"] / MICROS}


def as_csv(columns: tuple[By, ...], lines: list[dict[str, Any]]) -> Response:
    """The lines as RFC 4180 writes them, with their names above."""
    text = io.StringIO()
    names = [name for column in columns for name in (column, *(["key_name"] * (column == "key")))]
    writer = csv.DictWriter(text, [*names, *numbers_of(None)])
    writer.writeheader()
    for line in lines:
        writer.writerow({name: cell(value) for name, value in line.items()})
    named = 'attachment; filename="usage.csv"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": named}
    return Response(text.getvalue(), media_type=f"{CSV}; charset=utf-8", headers=headers)


def cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula: a key's name is whatever somebody chose."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
