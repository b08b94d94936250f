"""What an upstream's status words mean, and what one that nobody has listed most likely means.

Few vendors list all of theirs. Those that a vendor's own client or third parties know decide at
once.
Others are read token by token: what says that a job is over ends it only if it is said again and
again while no file is served, so a wrong guess costs nothing as long as the video appears. What
neither sounds like work nor like an end goes on as work: a paid video must not be given up for a
word.
"""

from __future__ import annotations

import re
from enum import Enum


class Word(Enum):
    """What a status word says."""

    RUNNING = "running"  # at work
    FAILED = "failed"  # given up
    MODERATED = "moderated"  # stopped by moderation
    ENDED = "ended"  # over without a video, it seems
    DONE = "done"  # over with a video, it seems: the file itself must tell
    SILENT = "silent"  # nothing, or nothing that we understand: the file itself must tell


# Official: the vendor's own client compares with these.
RUNNING_WORDS = frozenset(
    {"queued", "generating", "running", "pending", "processing", "in_progress"}
)
FAILED_WORDS = frozenset({"error", "failed", "cancelled", "canceled", "rejected"})

# Assumed: how words of this kind are built elsewhere. The first part that fits the end of a word or
# one of its tokens counts.
_WORK = re.compile(
    r"\w{2,}ing|queue|enqueued|queued|wait|progress|started|submitted|accepted|created|scheduled"
    r"|initiali[sz]ed|init|new|paused|throttled|delayed|deferred|assigned|allocated|dispatched"
    r"|received|uploaded|validated|approved|retry|retried|busy|active|work|render|review|partial"
)
_MODERATED = re.compile(
    r"nsfw|moderated|flagged|blocked|censored|unsafe|prohibited|forbidden|disallowed|violat\w*"
    r"|inappropriate|sensitive|banned|policy|explicit|restricted|nudity|copyright\w*|filtered"
)
_ENDED = re.compile(
    r"err(?:or|ors|ored|oneous)|fail|failed|failure|cancel|cancel+ed|reject|rejected|refused"
    r"|declined|denied|abort|aborted|terminated|stopped|killed|crashed|dead|died|interrupted"
    r"|expired|timeout|timedout|deleted|removed|purged|discarded|dropped|skipped|revoked|voided"
    r"|archived|refunded|invalid|unsupported|unavailable|lost|missing|gone|found|exceeded"
    r"|exhausted|insufficient|unprocessable|abandoned|withdrawn|out|empty|ended|closed"
)
_DONE = re.compile(
    r"done|finish|finished|complete|completed|success|successful|succeeded|ready|generated|rendered"
    r"|ok|published|delivered|available"
)
_REFUSED = re.compile(r"fail\w*|reject\w*|refused|denied|declined|error")
_MODERATION_NOUNS = re.compile(r"moderation|safety|content")
_NOT_YET = re.compile(
    r"\bnot (?:yet )?(?:ready|done|finish(?:ed)?|complete[d]?|start(?:ed)?|available)\b"
    r"|\bun(?:finished|started)\b|\bincomplete\b"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")


def word_of(status: object) -> Word:
    """What a status says; anything but a text says nothing."""
    if not isinstance(status, str):
        return Word.SILENT
    plain = status.strip().lower()
    if plain in FAILED_WORDS:
        return Word.FAILED
    if plain in RUNNING_WORDS:
        return Word.RUNNING
    tokens = [token for token in _BETWEEN.split(_CAMEL.sub("_", status.strip()).lower()) if token]
    return _guess(tokens) if tokens else Word.SILENT


def _guess(tokens: list[str]) -> Word:
    """The last token is the verdict, if it is one: `rendering_failed`, but `failed_retrying`."""
    ends = _is_end(tokens[-1]) or tokens[0] == "no"
    works = any(_WORK.fullmatch(token) for token in tokens)
    if _NOT_YET.search(" ".join(tokens)) or (works and not ends):
        return Word.RUNNING
    if _is_moderation(tokens):
        return Word.MODERATED
    if tokens[0] == "no" or any(_ENDED.fullmatch(token) for token in tokens):
        return Word.ENDED
    return Word.DONE if any(_DONE.fullmatch(token) for token in tokens) else Word.SILENT


def _is_end(token: str) -> bool:
    return any(each.fullmatch(token) for each in (_ENDED, _MODERATED, _DONE))


def _is_moderation(tokens: list[str]) -> bool:
    """`moderation_failed` is a verdict of moderation, `moderation_completed` is none."""
    if any(_MODERATED.fullmatch(token) for token in tokens):
        return True
    nouns = any(_MODERATION_NOUNS.fullmatch(token) for token in tokens)
    return tokens == ["moderation"] or (nouns and bool(_REFUSED.fullmatch(tokens[-1])))
