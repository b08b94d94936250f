"""What the documentation says is so."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from reelgate import http
from reelgate.domain.video import MOVES, STATUS, State
from reelgate.errors import ReelgateError
from reelgate.http import generations
from scripts import cli_docs, errors_docs, metrics_docs, providers_docs

from .checkout import DOCS, PAGES, ROOT, read

LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)(#[^)]*)?\)")
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STATE_ROW = re.compile(r"^\| `(\w+)` \| ((?:`\w+` ?)*)\| `(\w+)` \|", re.MULTILINE)
ERROR_ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \|", re.MULTILINE)
PRIVATE_WORDS = (f"{ROOT}/", f"{Path.home()}/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [found[1] for found in LINK.finditer(page.read_text(encoding="utf-8"))]
    assert [link for link in links if not page.parent.joinpath(link).exists()] == []


def test_every_anchor_is_a_heading_of_its_page() -> None:
    for page in PAGES:
        for found in LINK.finditer(page.read_text(encoding="utf-8")):
            if found[2]:
                assert found[2][1:] in anchors(page.parent / found[1]), f"{page}: {found[0]}"


def test_the_states_and_moves_are_those_of_the_code() -> None:
    rows = STATE_ROW.findall(read("docs", "architecture.md"))
    told = {State(state): set(re.findall(r"\w+", targets)) for state, targets, _ in rows}
    assert told == {state: {str(target) for target in targets} for state, targets in MOVES.items()}
    assert {State(state): shown for state, _, shown in rows} == {
        state: shown.value for state, shown in STATUS.items()
    }


def test_the_architecture_names_every_module_and_nothing_else() -> None:
    drawn = drawn_tree(read("docs", "architecture.md"))
    source = ROOT / "src" / "reelgate"
    migrations = source / "db" / "migrations"
    modules = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if path.name != "__init__.py" and migrations not in path.parents
    }
    folders = {f"{path.parent.relative_to(source)}/" for path in source.rglob("__init__.py")}
    folders -= {"./", "db/migrations/versions/"}
    assert sorted((modules | folders) - drawn) == [], "docs/architecture.md lacks these"
    assert sorted(drawn - modules - folders) == [], "docs/architecture.md names what is gone"


def test_the_drawing_has_the_same_moves() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+)", read("docs", "architecture.md"), re.MULTILINE)
    moves = {(str(state), str(target)) for state, targets in MOVES.items() for target in targets}
    assert set(drawn) == moves


def drawn_tree(page: str) -> set[str]:
    """The paths of a tree that is indented by two spaces a level."""
    tree = page.split("```text\nreelgate/\n")[1].split("```", maxsplit=1)[0]
    folders: list[str] = []
    paths = set()
    for line in tree.splitlines():
        name = line.split()[0]
        folders = folders[: (len(line) - len(line.lstrip())) // 2 - 1]
        paths.add("".join(folders) + name)
        if name.endswith("/"):
            folders.append(name)
    return paths


def test_every_error_a_caller_can_meet_is_in_the_table() -> None:
    rows = {(int(status), code) for status, code in ERROR_ROW.findall(read("docs", "api.md"))}
    assert rows == {(error.status, error.code) for error in public_errors()}


def test_every_route_is_described() -> None:
    text = read("docs", "api.md")
    described = {
        f"{method} {route.path_format.replace(generations.SEED_MODEL, '{model}')}"
        for route in documented_routes()
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert "GET /v1/videos" in described
    assert [one for one in sorted(described) if f"`{one}`" not in text] == []


def documented_routes() -> Iterator[APIRoute]:
    """The routes of every module of the HTTP API that the OpenAPI document shows."""
    for found in pkgutil.iter_modules(http.__path__, f"{http.__name__}."):
        for router in vars(import_module(found.name)).values():
            if isinstance(router, APIRouter):
                yield from (
                    route
                    for route in router.routes
                    if isinstance(route, APIRoute) and route.include_in_schema
                )


def test_every_metric_is_described_as_it_is() -> None:
    """`make docs` writes it anew."""
    text = read("docs", "metrics.md")
    assert text == metrics_docs.page(text)


def test_every_provider_is_described_as_it_declares_itself() -> None:
    text = read("docs", "providers.md")
    assert text == providers_docs.page(text)


@pytest.mark.parametrize("page", ["guarantees.md", "threat-model.md"])
def test_every_test_that_backs_a_promise_exists(page: str) -> None:
    named = NAMED_TEST.findall(read("docs", page))
    assert named
    assert [
        f"{file}::{test}" for file, test in named if test not in functions_of(ROOT / file)
    ] == []


def test_every_rule_of_the_threat_model_stands_where_it_says() -> None:
    where = re.findall(
        r"`((?!tests/)[a-z_]+/[\w/]+\.py|logs\.py)`", read("docs", "threat-model.md")
    )
    assert len(where) > 20
    assert [name for name in where if not (ROOT / "src" / "reelgate" / name).exists()] == []


def test_no_promise_stands_without_a_test() -> None:
    rows = [line for line in read("docs", "guarantees.md").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| fault", "|---"))]
    assert [row for row in promises if not NAMED_TEST.search(row)] == []


def test_every_decision_is_listed() -> None:
    decisions = {path.name for path in (DOCS / "adr").glob("0*.md")}
    assert (
        set(re.findall(r"\((0\d{3}-[\w-]+\.md)\)", read("docs", "adr", "README.md"))) == decisions
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [word for word in PRIVATE_WORDS if word in text] == []


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def public_errors() -> Iterator[type[ReelgateError]]:
    """The whole tree but for its abstract root."""
    pending = ReelgateError.__subclasses__()
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        yield error


def functions_of(file: Path) -> set[str]:
    """The names of the functions that a file defines."""
    if not file.exists():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_page_lists_every_error_with_what_to_do() -> None:
    """`make docs` writes it anew."""
    text = read("docs", "errors.md")
    assert text == errors_docs.page(text)
    assert {kind.code for kind in errors_docs.kinds()} == set(errors_docs.REMEDIES)


def test_the_page_lists_every_command_as_it_is() -> None:
    """`make docs` writes it anew."""
    text = read("docs", "cli.md")
    assert text == cli_docs.page(text)
