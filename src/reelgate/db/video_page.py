"""A page of videos, and the query that finds it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Integer, Select, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from reelgate.db.schema import videos
from reelgate.db.usage import CLOCK_SLACK_S
from reelgate.domain.video import State, first_id_of

NEVER_STORED = "\x00"
"""Postgres refuses it in any text."""
LISTED = [column for column in videos.c if column is not videos.c.polls]
"""What is read of each: a list of a hundred does without when each was polled."""
Age = Literal["asc", "desc"]
"""Oldest first, newest first."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of videos: those that follow `after` in this order."""

    owner: str | None
    """Whose; None: everybody's."""
    limit: int
    order: Age
    after: str | None = None
    states: tuple[State, ...] = ()
    model: str | None = None
    words: tuple[str, ...] = ()
    """Each stands somewhere in the prompt, whatever the case of its letters."""
    created_after: float | None = None
    created_before: float | None = None
    """Unix seconds; the first is part of the span, the second is not."""

    @property
    def is_searched(self) -> bool:
        """Whether it may pass over many rows before it is full."""
        spans = self.created_after is not None or self.created_before is not None
        return bool(self.states or self.model or self.words or spans)

    @property
    def finds_nothing(self) -> bool:
        """Whether it asks for a text that no database can have stored."""
        texts = (self.owner or "", self.model or "", *self.words)
        return any(NEVER_STORED in each for each in texts)


class PromptOf(FunctionElement[str]):
    """The prompt within a video's stored request."""

    type = Text()
    inherit_cache = True


@compiles(PromptOf)
def _prompt_sqlite(element: PromptOf, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$.prompt')"


@compiles(PromptOf, "postgresql")
def _prompt_postgres(element: PromptOf, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    return f"(CAST({compiler.process(element.clauses, **kw)} AS json) ->> 'prompt')"


def query_for(asked: Page) -> tuple[Select[Any], dict[str, Any]]:
    """The query that finds a page, and the values of its parameters."""
    values = {
        "the_owner": asked.owner,
        "the_limit": asked.limit,
        "the_last": asked.after,
        "the_states": [state.value for state in asked.states],
        "the_model": asked.model,
    }
    query = listing(
        asked.order,
        of_owner=asked.owner is not None,
        follows=asked.after is not None,
        of_states=bool(asked.states),
        of_model=asked.model is not None,
    )
    for word in asked.words:
        query = query.where(PromptOf(videos.c.request).icontains(word, autoescape=True))
    return created_within(query, asked), values


@cache
def listing(
    order: Age, *, of_owner: bool, follows: bool, of_states: bool, of_model: bool
) -> Select[Any]:
    """The statement for a page: with or without an owner, a last page, states, a model."""
    query = select(*LISTED).order_by(videos.c.id if order == "asc" else videos.c.id.desc())
    if of_owner:
        query = query.where(videos.c.owner == bindparam("the_owner"))
    if follows:
        last = bindparam("the_last", type_=Text)
        query = query.where(videos.c.id > last if order == "asc" else videos.c.id < last)
    if of_states:
        query = query.where(videos.c.state.in_(bindparam("the_states", expanding=True)))
    if of_model:
        query = query.where(videos.c.model == bindparam("the_model"))
    return query.limit(bindparam("the_limit", type_=Integer))


def created_within(query: Select[Any], asked: Page) -> Select[Any]:
    """Only those of a span of time.

    Ids grow with time, so that the index by id leads to the span; a clock that was set in between
    is why the ids alone do not decide.
    """
    if asked.created_after is not None:
        first = first_id_of(asked.created_after - CLOCK_SLACK_S)
        query = query.where(videos.c.id >= first, videos.c.created_at >= asked.created_after)
    if asked.created_before is not None:
        last = first_id_of(asked.created_before + CLOCK_SLACK_S)
        query = query.where(videos.c.id < last, videos.c.created_at < asked.created_before)
    return query
