"""Writes every error into docs/errors.md: `make docs`. A test compares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from reelgate import errors

PAGE = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
BEGIN = "<!-- errors: written by `make docs` -->"
END = "<!-- end of errors -->"

REMEDIES = {
    "cancelled": "Nothing: somebody cancelled it. Ask again for a new video.",
    "character_not_found": "Use an id that `POST /v1/videos/characters` answered to this key.",
    "foreign_origin": "Name the page's origin in `REELGATE_CORS_ORIGINS`, or call with an API key.",
    "headers_too_large": "Send smaller headers; a cookie of another site may be the reason.",
    "idempotency_mismatch": "Use a new `Idempotency-Key` for another request.",
    "insufficient_credits": "Buy credits at the provider; a virtual model asks its next target.",
    "insufficient_scope": "Use a key with this scope; `reelgate keys list` shows them.",
    "internal_error": "A mistake of ours: look for the request's id in the log, and report it.",
    "invalid_api_key": "Send `Authorization: Bearer rg_...` with a living key.",
    "invalid_request": "Send a value that the message allows; `GET /v1/models` lists them.",
    "key_not_found": "Use an id that `reelgate keys list` shows.",
    "method_not_allowed": "`/docs` lists what there is.",
    "model_not_allowed": "Use a model that the key may use, or let an operator allow this one.",
    "model_not_found": "Use one of the names in the message, or `GET /v1/models`.",
    "moderation_blocked": "Change the prompt or the picture: the same will be refused again.",
    "not_found": "`/docs` lists what there is.",
    "overloaded": "Try again after `Retry-After`; raise `REELGATE_MAX_WAITING` if it stays so.",
    "price_refused": "Ask for a shorter or smaller video, or raise the key's limit.",
    "proxied_request": "Make an API key: a gateway without one answers no proxy.",
    "range_not_satisfiable": "Ask for a range within the file, or for the whole.",
    "rate_limited": "Wait for `Retry-After`; `RateLimit` tells what is left of a key's limits.",
    "reference_expired": "Send the picture again: it is not kept any more.",
    "request_timeout": "Send the body faster, or a smaller one.",
    "request_too_large": "Send less than the message allows.",
    "shutting_down": "Try again after `Retry-After`: another process, or the next start, takes it.",
    "storage_failed": "Look at `/ready`: the database or the storage is away, full or read-only.",
    "submission_unknown": "Look at the provider first: it may have made, and charged for, the"
    " video. The gateway looks for it by itself where the provider has a list.",
    "unknown_host": "Name the host in `REELGATE_ALLOWED_HOSTS`, or call with an API key.",
    "unsupported_media": "Send JSON, or a form where a file goes along.",
    "upstream_bad_response": "Look at the provider: it answered what makes no sense here.",
    "upstream_failed": "Try again later; the log has what the provider said.",
    "upstream_timeout": "The provider may still finish it: the gateway looks again for a day.",
    "upstream_unauthorized": "Put a new key or token where the message says.",
    "uri_too_long": "Send a shorter address.",
    "video_expired": "Make it again: the file is gone.",
    "video_not_found": "Use an id of your own videos, from `GET /v1/videos`.",
    "video_not_ready": "Wait for `completed`: poll, follow the events, or wait for a webhook.",
}
"""What a caller or an operator does about each."""


def kinds() -> list[type[errors.ReelgateError]]:
    """Every class of error, by its code."""
    found: list[type[errors.ReelgateError]] = [errors.ReelgateError]
    found += below(errors.ReelgateError)
    return sorted(found, key=lambda kind: (kind.code, kind.status, kind.__name__))


def below(kind: type[errors.ReelgateError]) -> Iterator[type[errors.ReelgateError]]:
    """The classes under one."""
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def table() -> str:
    """The errors as a table in Markdown, each code once."""
    rows = [row(code, list(group)) for code, group in groupby(kinds(), lambda kind: kind.code)]
    return "| `error.code` | HTTP | what to do |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def row(code: str, kinds_of_code: list[type[errors.ReelgateError]]) -> str:
    """One code as a line of the table."""
    statuses = ", ".join(str(status) for status in sorted({kind.status for kind in kinds_of_code}))
    return f"| `{code}` | {statuses} | {REMEDIES[code]} |"


def page(old: str) -> str:
    """The page with the errors put between its two marks."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
