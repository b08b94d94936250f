"""Excerpts of foreign texts that may go into a log."""

from __future__ import annotations

import re

MASK = "***"
MAX_EXCERPT_CHARS = 300
MAX_SENTENCE_CHARS = 200
# Masking makes a text at most ten times shorter, so this much is enough for one excerpt.
_CONSIDERED_CHARS = 16_384

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# The first pattern leaves no long run of letters, so none of the others can take long.
_SECRETS = (
    # Any long run of token letters, except a UUID: those name jobs.
    re.compile(rf"(?<![\w+/-])(?!{_UUID}(?![\w+/-]))[\w+/-]{{32,}}=*"),
    re.compile(r"eyJ[\w-]*\.[\w.*-]*"),
    re.compile(r"(?i)\bbearer\s+\S+"),
    re.compile(r"(?i)(?<=token|ecret|sword|pikey|i[-_]key|ookie)(?:\\?[\"'])?\s*[:=]\s*\S+"),
    re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
)


_SENTENCE_START = re.compile(r"[^\W\d_]")
# Addresses, paths, ids, markup, code: nothing of the kind belongs into a public message.
_UNFIT = re.compile(rf"://|[/\\<>{{}}\[\]|`=*@]|{_UUID}|\d{{6,}}|\w{{25,}}|Traceback|Exception")


def fit_to_tell(text: str) -> str | None:
    """A vendor's sentence without its full stop; None unless it is short, plain and harmless."""
    line = redacted(text).rstrip(" .")
    if len(line) > MAX_SENTENCE_CHARS or not _SENTENCE_START.match(line) or _UNFIT.search(line):
        return None
    return line


def redacted(text: str) -> str:
    """The beginning of a text on one line, without tokens, e-mail addresses and the like."""
    considered = text[:_CONSIDERED_CHARS]
    for secret in _SECRETS:
        considered = secret.sub(MASK, considered)
    line = " ".join("".join(c if c.isprintable() else " " for c in considered).split())
    return line if len(line) <= MAX_EXCERPT_CHARS else f"{line[:MAX_EXCERPT_CHARS]}..."
