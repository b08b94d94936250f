"""Sets up the log once: for people or machines, on standard error, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
_SECRETS = (
    # A JSON Web Token: a base64url object begins with `{"`, that is `eyJ` (RFC 7519).
    ("eyj", re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}"), MASK),
    # RFC 6750's b64token after the scheme.
    ("bearer", re.compile(r"(?i)\b(bearer\s+)[\w.~+/-]{8,}=*"), rf"\1{MASK}"),
    # Our own keys and webhook secrets.
    ("rg_", re.compile(r"\b(rg_)[\w+/-]{8,}=*"), rf"\1{MASK}"),
    ("whsec_", re.compile(r"\b(whsec_)[\w+/-]{8,}=*"), rf"\1{MASK}"),
)
"""Whatever holds the first, in small letters, is searched for the second: hardly any line is."""


class Stderr:
    """Standard error as it is now, not as it was: a progress bar takes its place for a while."""

    def write(self, text: str) -> int:
        """Write a text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Let it out."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return sys.stderr.isatty()


def mask_secrets(text: str) -> str:
    """The text without anything that looks like a bearer token, a JWT or a key of ours."""
    small = text.lower()
    for part, pattern, mask in _SECRETS:
        if part in small:
            text = pattern.sub(mask, text)
    return text


class MaskLine:
    """The last processor: whatever way a secret came into the line, it stays out of the log."""

    def __init__(self, secrets: Collection[str]) -> None:
        """`secrets`: values that are masked whatever they look like."""
        # A longer one first: it may hold a shorter one.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, line: str | bytes | EventDict) -> str:
        text = line if isinstance(line, str) else str(line)
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return mask_secrets(text)


def configure_log(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["console", "json"] = "console",
    secrets: Collection[str] = (),
) -> None:
    """Set up structlog, and route the standard library's warnings and errors through it.

    Args:
        level: the least serious thing that is logged.
        form: coloured lines for people (colours on a terminal only), or a JSON object a line.
        secrets: what must not be shown; tokens and keys of known forms are masked in any case.
    """
    stderr = Stderr()
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [renderer(form, colours=stderr.isatty()), MaskLine(secrets)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        # It asks for a whole TextIO, but only writes and flushes.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, stderr)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)


def log_to_stderr() -> None:
    """Keep what is logged out of what a command prints, until `configure_log` says more."""
    structlog.configure(
        processors=[*structlog.get_config()["processors"], MaskLine(())],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Stderr())),
    )


def renderer(form: Literal["console", "json"], *, colours: bool) -> Processor:
    """What makes a line out of an event."""
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback
    )
