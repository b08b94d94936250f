from __future__ import annotations

import subprocess
import sys

from reelgate.cli.exits import BY_CODE, EPILOG, ExitCode
from reelgate.version import VERSION

from .program import Home

HEAVY = ("reelgate.runtime.gateway", "reelgate.http", "uvicorn", "sqlalchemy", "fastapi", "av")


def test_the_version_is_shown(home: Home) -> None:
    assert home.run("--version").out == f"reelgate {VERSION}\n"


def test_the_module_can_be_run(home: Home) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "reelgate", "--version"],
        env=home.env(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == f"reelgate {VERSION}\n"


def test_on_windows_it_says_in_one_sentence_where_it_runs_instead(home: Home) -> None:
    """Whatever Windows lacks may not be needed to come as far as that."""
    code = (
        "import sys\n"
        "for name in ('fcntl', 'resource', 'uvloop', 'pwd'): sys.modules[name] = None\n"
        "from reelgate.cli import main\n"
        "sys.argv, sys.platform = ['reelgate', 'serve'], 'win32'\n"
        "main()"
    )
    refused = subprocess.run(
        [sys.executable, "-c", code], env=home.env(), check=False, capture_output=True, text=True
    )
    assert (refused.returncode, refused.stdout) == (ExitCode.GATEWAY, "")
    [sentence] = refused.stderr.splitlines()
    assert "does not run on Windows" in sentence
    assert "WSL" in sentence


def modules_after(home: Home, *args: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys; from reelgate.cli import main\n"
        f"sys.argv = ['reelgate', *{args!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('modules', *sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=home.env(), check=True, capture_output=True, text=True
    )
    return set(ran.stdout.splitlines()[-1].split())


def test_help_and_a_far_gateway_do_not_import_a_gateway(home: Home) -> None:
    for args in (("--help",), ("videos", "list", "--server", "http://127.0.0.1:9")):
        modules = modules_after(home, *args)
        assert "reelgate.cli.app" in modules
        assert not modules.intersection(HEAVY)


def test_a_mistyped_command_is_told_the_right_one(home: Home) -> None:
    wrong = home.run("genrate")
    assert wrong.code == ExitCode.USAGE
    assert "'generate'" in wrong.err


def test_help_lists_every_command_and_every_exit_code(home: Home) -> None:
    helped = home.run("--help").out
    for word in ("generate", "serve", "videos", "sandbox"):
        assert word in helped
    for code in ExitCode:
        assert f"{int(code)} " in EPILOG


def test_every_exit_code_but_three_comes_of_some_error_code() -> None:
    # Success, a plain failure and Ctrl-C need none.
    assert set(BY_CODE.values()) == set(ExitCode) - {
        ExitCode.OK,
        ExitCode.FAILED,
        ExitCode.INTERRUPTED,
    }
