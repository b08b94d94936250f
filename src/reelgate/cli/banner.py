"""What `reelgate serve` says when it is up."""

from __future__ import annotations

from collections.abc import Iterator

from reelgate.cli.listening import Access
from reelgate.keys import KeyStanding
from reelgate.settings import Settings

WARN_BEFORE_S = 30 * 60.0
"""A token that dies sooner is worth a warning: a video may take minutes, and people go to lunch."""
MINUTE_S = 60
HOUR_S = 3600

SANDBOX = (
    "SANDBOX: no IMAGINE_TOKEN is set, so videos are test pictures made on this machine, not "
    "imagine.art's."
)
EXPIRED = (
    "The imagine.art token has EXPIRED: every video will fail. Put a new one in IMAGINE_TOKEN "
    "and start again."
)
CLOSED = (
    "CLOSED: every API key was revoked, so nobody may call. Make one with `reelgate keys create "
    "NAME`, or set REELGATE_ALLOW_OPEN=true."
)
WITH_KEY = "-H 'Authorization: Bearer rg_...' "
EXAMPLE = (
    "-H 'Content-Type: application/json' "
    '-d \'{"prompt": "cat eating hotdogs in a park", "duration": 5, "resolution": "720p"}\''
)

Line = tuple[str, str]
"""A sentence and its style."""


def banner(
    settings: Settings,
    url: str,
    access: Access,
    keys: KeyStanding,
    token_left_s: float | None,
) -> Iterator[Line]:
    """The lines to show; `token_left_s` is None when the token does not tell when it dies."""
    yield f"Reelgate listens on {url}", "bold green"
    yield f"  documentation  {url}/docs", ""
    yield f"  data folder    {settings.data_dir.absolute()}", ""
    if settings.uses_sandbox:
        yield f"  provider       the built-in SANDBOX, {settings.sandbox_speed:g} times as fast", ""
        yield SANDBOX, "bold yellow"
    else:
        yield f"  provider       imagine.art ({settings.imagine_api_url})", ""
        yield token_line(token_left_s)
    if access is Access.OPEN:
        yield "OPEN: anybody who reaches this address can spend your credits.", "bold yellow"
    closed = keys is KeyStanding.REVOKED and not settings.allow_open
    if closed:
        yield CLOSED, "bold yellow"
    # `rg_...` stands for a key: its secret is shown once, when it is made, and kept nowhere.
    example = WITH_KEY + EXAMPLE if closed or keys is KeyStanding.ACTIVE else EXAMPLE
    yield "Try it:", ""
    yield f"  curl -X POST {url}/v1/imagine-text-to-video/generations {example}", ""


def token_line(left_s: float | None) -> Line:
    """How long the upstream's token lives still."""
    if left_s is None:
        return "  token          set; it does not tell when it expires", ""
    if left_s <= 0:
        return EXPIRED, "bold red"
    if left_s < WARN_BEFORE_S:
        soon = f"The imagine.art token expires in {span_text(left_s)}: get a new IMAGINE_TOKEN."
        return soon, "bold yellow"
    return f"  token          expires in {span_text(left_s)}", ""


def span_text(span_s: float) -> str:
    """A span of time in hours and minutes."""
    hours, minutes = divmod(int(span_s // MINUTE_S), HOUR_S // MINUTE_S)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
