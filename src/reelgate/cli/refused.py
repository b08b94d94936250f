"""What goes wrong between the command line and a gateway, as errors with exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from reelgate.cli.exits import CliError, ExitCode, exit_code_of, with_advice

OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "prompt": "PROMPT",
        "duration": "--duration",
        "seconds": "--duration",
        "aspect_ratio": "--aspect-ratio",
        "resolution": "--resolution",
        "model": "--model",
        "style_id": "--style-id",
        "is_enhance": "--enhance/--no-enhance",
        "limit": "--limit",
        "after": "--after",
        "status": "--status",
    }
)
"""How the command line calls the fields of a request."""


class Unreachable(CliError):
    """The gateway did not answer; asking again may help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.GATEWAY, code="unreachable")


class Refused(CliError):
    """The gateway answered with an error."""

    def __init__(self, status: int, body: object, retry_after: str | None = None) -> None:
        """`body` is the decoded problem document, or anything else a server may send."""
        problem: dict[str, Any] = body if isinstance(body, dict) else {}
        error = problem.get("error")
        detail: dict[str, Any] = error if isinstance(error, dict) else {}
        code = str(detail.get("code") or "internal_error")
        message = "\n".join(sentences(problem)) or f"the gateway answered HTTP {status}"
        if retry_after:
            message += f"\nTry again in {retry_after} s."
        super().__init__(with_advice(message, code), exit_code_of(code), code=code)
        self.status = status


def sentences(problem: Mapping[str, Any]) -> Iterator[str]:
    """What a problem document says, field by field, in the command line's own names."""
    listed = problem.get("errors")
    entries = [entry for entry in listed if isinstance(entry, dict)] if listed else []
    for entry in entries:
        param = str(entry.get("param", ""))
        yield f"{OPTIONS.get(param, param)}: {entry.get('message', '')}"
    if not entries and (detail := problem.get("detail")):
        yield str(detail)
