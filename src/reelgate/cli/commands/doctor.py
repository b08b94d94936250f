"""`reelgate doctor`: everything a gateway needs, and what to do about what is wrong."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import put, put_json, say
from reelgate.cli.exits import ExitCode, in_one_line
from reelgate.domain.findings import Finding, Grade
from reelgate.runtime.doctor import examine

app = command_app()

MARKS = {Grade.OK: "ok", Grade.WARNING: "WARNING", Grade.ERROR: "ERROR"}
OF_CREDENTIALS = frozenset({"credential", "secret key", "organisation", "folder"})


@app.command(no_args_is_help=False)
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check credential, account, hosts, clock, database, storage and webhooks.

    Nothing costs credits, and nothing is changed but a token that is due, which is renewed. It
    works beside a running gateway.
    """
    settings = load_settings()
    with in_one_line():
        findings = asyncio.run(examine(settings))
    if as_json:
        put_json({"ok": code_of(findings) is ExitCode.OK, "checks": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            put(f"{MARKS[finding.grade]:8} {finding.check}: {finding.detail}")
            if finding.remedy:
                put(f"{'':8} -> {finding.remedy}")
        if code_of(findings) is not ExitCode.OK:
            say("Something must be done: see the lines with ERROR.", "red")
    raise typer.Exit(code_of(findings))


def code_of(findings: list[Finding]) -> ExitCode:
    """The exit code: credentials first, because most errors follow from them."""
    wrong = {finding.check for finding in findings if finding.grade is Grade.ERROR}
    if not wrong:
        return ExitCode.OK
    if wrong & OF_CREDENTIALS:
        return ExitCode.CREDENTIALS
    return ExitCode.CREDITS if wrong == {"credits"} else ExitCode.GATEWAY
