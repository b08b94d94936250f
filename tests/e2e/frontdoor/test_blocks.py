"""Every block of code in the documentation does what its page says, or says why nobody tries it."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reelgate.cli.config import load_settings
from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import open_database
from reelgate.domain.api_keys import Allowance, ApiKey, digest_of, new_key_id, new_secret
from reelgate.sandbox import Sandbox

from .blocks import BLOCKS, SHOWN, Block, run_here
from .checkout import ROOT, run
from .terminal import Terminal, a_terminal

GATEWAY = "http://localhost:8000"
SANDBOX = "http://127.0.0.1:9000"
POSTGRES = "postgresql://reelgate:secret@db/reelgate"
BACKUPS = "/backup/"
A_KEY = "key_..."
PROGRAMS = ("curl", "node", "openssl", "promtool", "rsync")
READ_BY = {"docs/configuration.md": "IMAGINE_MODELS_FILE", "docs/routing.md": "REELGATE_CONFIG"}
"""The setting that names the TOML file which a page shows."""
LANGUAGES = {"bash", "html", "js", "json", "python", "toml", "yaml"}
SIGNS_OF_ERRORS = ("about:blank", '"message": "')
"""Those of the gateway, and of the sandbox."""
PATH_OF_OURS = re.compile(r"\b(?:bench|deploy|examples|scripts|tests)/[\w./-]*\w")
SCRIPT = re.compile(r'<script type="module">\n(.*?)</script>', re.DOTALL)
DOCUMENT = "globalThis.document = { body: { append: (text) => console.log(text) } };\n"
LOOP = pytest.mark.asyncio(loop_scope="package")


def need(code: str) -> None:
    """Skip where the machine lacks a program that a block runs."""
    for name in PROGRAMS:
        if re.search(rf"\b{name} ", code) and shutil.which(name) is None:
            pytest.skip(f"there is no {name}")


def by_page(*languages: str) -> Iterable[Any]:
    """The blocks of each page."""
    pages: dict[str, list[Block]] = {}
    for block in run_here(*languages):
        pages.setdefault(block.page, []).append(block)
    return [pytest.param(blocks, id=page) for page, blocks in pages.items()]


def check_output(code: str, out: str, gateway: str, folder: Path) -> None:
    """What a program that asks for a video has to show for it."""
    assert [sign for sign in SIGNS_OF_ERRORS if sign in out] == []
    if "cat.mp4" in code:
        assert b"ftyp" in folder.joinpath("cat.mp4").read_bytes()[:12]
    elif "requests." in code or "fetch(" in code:
        assert out.startswith(f"{gateway}/sandbox/processed/")


def test_every_block_is_run_or_says_why_not() -> None:
    here = [block for block in BLOCKS if block.is_run_here]
    assert [str(block) for block in here if block.language not in LANGUAGES] == []
    assert [str(block) for block in BLOCKS if block.language in SHOWN and block.run_by] == []
    elsewhere = {block.run_by for block in BLOCKS if block.run_by}
    assert [file for file in elsewhere if not ROOT.joinpath(file).is_file()] == []
    assert len(here) > len(BLOCKS) / 2


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.not_run], ids=str)
async def test_a_block_that_is_not_run_names_only_what_there_is(block: Block) -> None:
    assert len(block.not_run) > 20, "it needs a reason"
    if block.language == "bash":
        parsed = await run("bash", "-n", "-c", block.code, cwd=ROOT)
        assert (parsed.code, parsed.err) == (0, "")
    named = set(PATH_OF_OURS.findall(block.code))
    assert [path for path in named if not ROOT.joinpath(path).exists()] == []


@asynccontextmanager
async def standing_in(terminal: Terminal, code: str) -> AsyncIterator[None]:
    """What this code speaks to beside a gateway."""
    async with AsyncExitStack() as stack:
        if SANDBOX in code:
            # The page breaks it.
            sandbox = await stack.enter_async_context(Sandbox())
            terminal.replaced[SANDBOX] = sandbox.url
        if A_KEY in code:
            terminal.replaced[A_KEY] = await add_key(terminal.data)
        yield


async def add_key(data_dir: Path) -> str:
    """The id of a new API key."""
    database = open_database(f"sqlite:///{data_dir}/reelgate.sqlite")
    key = ApiKey(new_key_id(), "carol", Allowance(), SystemClock().now())
    await ApiKeys(database).add(key, digest_of(new_secret()))
    await database.close()
    return key.id


@pytest.fixture
def terminal(
    blocks: list[Block], gateway: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Terminal:
    """Where the blocks of a page are typed."""
    backups = tmp_path / "backup"
    backups.mkdir()
    replaced = {GATEWAY: gateway, BACKUPS: f"{backups}/"}
    if any(POSTGRES in block.code for block in blocks):
        replaced[POSTGRES] = request.getfixturevalue("empty_postgres_url")
    return a_terminal(tmp_path, replaced, REELGATE_SERVER=gateway)


@LOOP
@pytest.mark.parametrize("blocks", by_page("bash"))
async def test_what_a_page_tells_people_to_type_works(
    blocks: list[Block], gateway: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing_in(terminal, "\n".join(block.code for block in blocks)):
        for block in blocks:
            need(block.code)
            ended = await terminal.type(with_its_settings_read(block.code))
            assert ended.code == 0, f"{block}: {ended.out}{ended.err}"
            check_output(block.code, ended.out, gateway, terminal.home)
    terminal.check_calls(monkeypatch)


def with_its_settings_read(code: str) -> str:
    """Settings that a block gives to whatever is started next, given to a gateway."""
    return code if "reelgate" in code or "export " not in code else f"{code}\nreelgate serve\n"


@LOOP
@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
@pytest.mark.parametrize("block", run_here("python"), ids=str)
async def test_python_does_what_its_page_says(
    block: Block,
    gateway: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code = block.code.replace(GATEWAY, gateway)
    printed: list[str] = []
    names = {"print": lambda *values: printed.append(" ".join(map(str, values)))}
    program = compile(code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    # The gateway answers on this loop.
    awaitable = await asyncio.to_thread(eval, program, names)
    if isawaitable(awaitable):
        await awaitable
    check_output(block.code, "\n".join(printed), gateway, tmp_path)


@LOOP
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
@pytest.mark.parametrize("block", run_here("js", "html"), ids=str)
async def test_javascript_does_what_its_page_says(
    block: Block, gateway: str, tmp_path: Path
) -> None:
    code = block.code.replace(GATEWAY, gateway)
    if block.language == "html":
        [script] = SCRIPT.findall(code)
        code = DOCUMENT + script
    ended = await run("node", "--input-type=module", "-e", code, cwd=tmp_path)
    assert ended.code == 0, ended.err
    check_output(block.code, ended.out, gateway, tmp_path)


@LOOP
@pytest.mark.parametrize("block", run_here("json"), ids=str)
async def test_an_answer_that_is_shown_has_a_shape_that_there_is(
    block: Block, gateway: str
) -> None:
    shown = set(json.loads(block.code))
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/openapi.json") as told:
        schemas = (await told.json())["components"]["schemas"]
    fitting = [
        name
        for name, schema in schemas.items()
        if set(schema.get("required", ())) <= shown <= set(schema.get("properties", ()))
    ]
    assert fitting, f"no schema has {sorted(shown)}"


@pytest.mark.parametrize("blocks", by_page("toml"))
def test_a_file_that_is_shown_is_one_that_the_settings_read(
    blocks: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shown.toml"
    file.write_text("\n".join(block.code for block in blocks), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(READ_BY[blocks[0].page], str(file))
    load_settings()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no Prometheus")
@pytest.mark.parametrize("block", run_here("yaml"), ids=str)
async def test_prometheus_takes_what_is_shown(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yaml"
    file.write_text(block.code, encoding="utf-8")
    checked = await run("promtool", "check", "config", file, cwd=tmp_path)
    assert checked.code == 0, checked.err
