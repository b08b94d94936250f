"""`reelgate login imagine`, against a stand-in that really signs in."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from reelgate.cli.app import main
from reelgate.cli.exits import ExitCode
from reelgate.providers.imagine import tokens
from reelgate.sandbox import Sandbox, SandboxOptions
from tests.chromium import CHROMIUM, a_tab
from tests.gateway import a_token

from .program import PROGRAM, Home, Result, finish
from .signin import address_in, control, press, upstream_env

CaptureFixture = pytest.CaptureFixture[str]
OTHER_KEY = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


class Running:
    """A stand-in in a thread of its own, because the tests wait for processes."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.sandbox = Sandbox(options)

    def __enter__(self) -> Sandbox:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.sandbox.__aenter__(), self._loop).result(30)
        return self.sandbox

    def __exit__(self, *_error: object) -> None:
        leave = self.sandbox.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leave, self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Running(SandboxOptions(max_short_side_px=64)) as running:
        yield running


class Login:
    """`reelgate login imagine` under way."""

    def __init__(self, home: Home, sandbox_url: str, *options: str, **env: str) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "login", "imagine", *options],
            cwd=home.folder,
            env=home.env(**upstream_env(sandbox_url, **env)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.shown = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.shown += line
            if "state=" in line:
                break

    @property
    def address(self) -> str:
        return address_in(self.shown)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> Result:
        result = finish(self.process)
        return Result(result.code, result.out, self.shown + result.err)


class Terminal:
    """A person at a terminal, who signs in elsewhere and pastes; the command runs right here."""

    def __init__(
        self, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture
    ) -> None:
        self.home, self.sandbox = home, sandbox
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self._pasted: list[Callable[[str], str]] = []
        self.shown = ""
        monkeypatch.chdir(home.folder)
        for name in [name for name in os.environ if name.startswith(("REELGATE_", "IMAGINE_"))]:
            monkeypatch.delenv(name)
        for name, value in {**home.env(), **upstream_env(sandbox.url)}.items():
            monkeypatch.setenv(name, value)

    def run(self, *args: str, **env: str) -> Result:
        for name, value in env.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr(sys, "argv", ["reelgate", *args])
        self._monkeypatch.setattr(sys, "stdin", self)
        self.shown = ""
        with pytest.raises(SystemExit) as ended:
            main()
        told = self._capsys.readouterr()
        return Result(int(ended.value.code or 0), told.out, self.shown + told.err)

    def sign_in(self, *options: str, paste: Sequence[Callable[[str], str]]) -> Result:
        self._pasted = list(paste)
        return self.run("login", "imagine", "--no-browser", *options)

    def readline(self) -> str:
        self.shown += self._capsys.readouterr().err
        return self._pasted.pop(0)(address_in(self.shown)) + "\n" if self._pasted else ""

    def isatty(self) -> bool:
        return False

    def checks(self, **env: str) -> dict[str, dict[str, str]]:
        """What `reelgate doctor` finds, by check."""
        found = json.loads(self.run("doctor", "--json", **env).out)["checks"]
        return {each["check"]: each for each in found}

    def assert_kept_secret(self, *results: Result) -> None:
        grants = self.sandbox.provider.account.grants
        secrets = [*grants._sessions, *grants._refreshes, *grants._spent]
        stored = stored_in(self.home)
        assert secrets
        for secret in secrets:
            assert secret.encode() not in stored
            assert all(secret not in result.out + result.err for result in results)


@pytest.fixture
def terminal(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: CaptureFixture
) -> Iterator[Terminal]:
    yield Terminal(home, sandbox, monkeypatch, capsys)
    structlog.reset_defaults()


def stored_in(home: Home) -> bytes:
    files = [file for file in home.data.rglob("*") if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
async def test_a_person_signs_in_with_a_real_browser_and_a_forged_redirect_does_not_end_it(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    login = await asyncio.to_thread(Login, home, sandbox.url)
    redirect_uri = parse_qs(urlsplit(login.address).query)["redirect_uri"][0]
    async with a_tab(tmp_path / "profile") as tab:
        await tab.go(f"{redirect_uri}?code=forged&state=forged")
        assert "another sign-in" in await tab.run("document.body.textContent")
        await tab.go(login.address)
        await tab.leave("document.getElementById('allow').click()")
        assert await tab.run("document.querySelector('h1').textContent") == "Signed in"
    result = await asyncio.to_thread(login.end)
    assert (result.code, "Signed in at imagine.art" in result.err) == (ExitCode.OK, True)


def other_state(address: str) -> str:
    return press(address).replace("state=", "state=x")


def test_the_redirected_address_is_pasted_and_a_wrong_one_is_told(terminal: Terminal) -> None:
    result = terminal.sign_in(
        *("--folder", "Sandbox folder"),
        paste=[other_state, lambda _address: "http://127.0.0.1/callback", press],
    )
    assert result.code == ExitCode.OK, result.err
    assert "belongs to another sign-in" in result.err
    assert "no `code` in that address" in result.err
    found = terminal.checks()
    assert found["folder"]["detail"].startswith("Sandbox folder")
    assert {each["grade"] for each in found.values()} == {"ok"}, found
    terminal.assert_kept_secret(result)


def test_a_sign_in_that_is_denied_is_told(terminal: Terminal) -> None:
    result = terminal.sign_in(paste=[lambda address: press(address, "deny")] * 3)
    assert (result.code, "access denied" in result.err) == (ExitCode.CREDENTIALS, True)


def test_a_token_that_the_team_api_refuses_is_told_and_not_kept(terminal: Terminal) -> None:
    terminal.sandbox.provider.account.sign_in.team_accepts = False
    result = terminal.sign_in(paste=[press])
    assert result.code == ExitCode.CREDENTIALS
    assert "IMAGINE_REFRESH_TOKEN" in result.err
    assert terminal.checks()["credential"]["grade"] == "warning"
    terminal.assert_kept_secret(result)


@pytest.mark.parametrize(
    ("fault", "operation", "said"),
    [
        ("html", "token", "a web page"),
        ("html", "metadata", "text/html"),
        ("503", "register", "HTTP 503"),
    ],
)
def test_an_endpoint_that_does_not_answer_as_it_should_is_told(
    terminal: Terminal, fault: str, operation: str, said: str
) -> None:
    control(terminal.sandbox.url, "POST", "faults", {"fault": fault, "operation": operation})
    result = terminal.sign_in(paste=[press])
    assert (result.code, said in result.err) == (ExitCode.GATEWAY, True)


def test_an_organisation_that_is_not_the_accounts_is_told_with_those_there_are(
    terminal: Terminal,
) -> None:
    result = terminal.sign_in("--org", "somebody-elses", paste=[press])
    assert result.code == ExitCode.USAGE
    assert "--org somebody-elses" in result.err
    assert "(Sandbox)" in result.err


def test_a_folder_is_chosen_for_a_web_token_and_signing_out_forgets_it(terminal: Terminal) -> None:
    assert terminal.checks(IMAGINE_TOKEN="a-web-token")["folder"]["grade"] == "error"
    assert terminal.run("login", "imagine", "--choose-folder").code == ExitCode.OK
    assert terminal.checks()["folder"]["grade"] == "ok"
    assert "IMAGINE_TOKEN is set" in terminal.run("logout", "imagine").err
    assert terminal.checks()["folder"]["grade"] == "error"


@pytest.mark.long
def test_a_gateway_makes_a_video_with_a_sign_in_and_no_setting(terminal: Terminal) -> None:
    assert terminal.sign_in(paste=[press]).code == ExitCode.OK
    made = terminal.home.run(
        *("generate", "A cat [[ready after=0]]", "--json"),
        **upstream_env(terminal.sandbox.url, REELGATE_SANDBOX="off"),
    )
    assert made.code == ExitCode.OK, made.err
    assert made.json["reelgate"]["provider"] == "imagine"
    terminal.assert_kept_secret(made)


def test_what_is_logged_does_not_stand_in_the_doctors_json(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.sign_in(paste=[press]).code == ExitCode.OK
    monkeypatch.setattr(tokens, "YOUNG_S", 0.0)
    terminal.sandbox.provider.account.grants.revoke()
    told = terminal.run("doctor", "--json")
    assert json.loads(told.out)["checks"]
    assert "credential_dead" in told.err


def test_the_doctor_names_the_fault_of_each_broken_setup(
    terminal: Terminal, tmp_path: Path
) -> None:
    key = tmp_path / "data" / "secret.key"
    nowhere = "http://127.0.0.1:9"

    def is_wrong(check: str, said: str, **env: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            found = terminal.checks()[check]
        assert found["grade"] == "error", found
        assert said in f"{found['detail']} {found['remedy']}", found

    is_wrong("credential", "reelgate login imagine", REELGATE_SANDBOX="off")
    assert terminal.sign_in(paste=[press]).code == ExitCode.OK
    is_wrong(f"host {nowhere}", "IMAGINE_ASSET_URL", IMAGINE_ASSET_URL=nowhere)
    is_wrong("organisation", "somebody-elses", IMAGINE_ORG_ID="somebody-elses")
    is_wrong("folder", "--choose-folder", IMAGINE_PARENT_ID="somebody-elses")
    is_wrong("storage", "REELGATE_STORAGE_URL", REELGATE_STORAGE_URL=str(key))
    is_wrong("database", "REELGATE_DATABASE_URL", REELGATE_DATABASE_URL=f"sqlite:///{key}/no")
    is_wrong("credential", "another key", REELGATE_SECRET_KEY=OTHER_KEY)
    key.chmod(0o644)
    is_wrong("secret key", "chmod 600")
    key.chmod(0o600)
    terminal.sandbox.provider.account.credits = 0
    is_wrong("credits", "none left")
    terminal.sandbox.provider.account.grants.revoke()
    is_wrong("credential", "reelgate login imagine")
    assert terminal.run("logout", "imagine").code == ExitCode.OK
    terminal.sandbox.provider.account.grants.__init__()  # type: ignore[misc]
    half = a_token(userId="u").rpartition(".")[0]
    is_wrong("credential", "only a piece", IMAGINE_TOKEN=half)
    is_wrong("credential", "expired at", IMAGINE_TOKEN=a_token(userId="u", exp=1_600_000_000))
    is_wrong("folder", "--choose-folder", IMAGINE_TOKEN=a_token(userId="u"))
