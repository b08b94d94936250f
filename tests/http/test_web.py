"""The playground's files: all of them served, small, of this origin alone, and never stale."""

from __future__ import annotations

import re

import pytest

from reelgate.http.web import FOLDER

from .jobs import JobsGateway

MOST_BYTES = 150_000
PAGES_OWN = re.compile(r'(?:href|src)="(/web/[^"]+)"')
IMPORTED = re.compile(r'(?:from |import\()"\./([\w.]+)"')


async def test_the_page_and_all_that_it_needs_are_served_for_ever(gateway: JobsGateway) -> None:
    page = await gateway.call("GET", "/")
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-cache")
    wanted = PAGES_OWN.findall(page.text)
    base = wanted[0].rpartition("/")[0]
    assert len(wanted) > 3
    seen: set[str] = set()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        file = await gateway.call("GET", path)
        assert file.status == 200, path
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        found = {f"{base}/{name}" for name in IMPORTED.findall(file.text)}
        wanted += found - seen - set(wanted)
    # Nothing lies there that nobody needs.
    assert {path.rpartition("/")[2] for path in seen} == {
        path.name for path in FOLDER.iterdir() if path.name != "index.html"
    }


async def test_nothing_but_our_own_files_runs_or_is_asked_for(gateway: JobsGateway) -> None:
    page = await gateway.call("GET", "/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?! type=\"module\" src=)|<style|\son\w+=|style=", page.text)
    for path in FOLDER.iterdir():
        text = path.read_text().replace("http://www.w3.org/", "")
        assert not re.search(r"(?:https?:)?//[\w-]+\.[a-z]{2,}", text), path.name


def test_all_of_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES


async def test_a_page_that_is_known_is_not_sent_again(gateway: JobsGateway) -> None:
    page = await gateway.call("GET", "/")
    again = await gateway.call("GET", "/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    assert again.headers["Content-Security-Policy"] == page.headers["Content-Security-Policy"]


async def test_a_page_of_another_version_keeps_nothing_of_this_one(gateway: JobsGateway) -> None:
    file = await gateway.call("GET", "/web/0123456789abcdef/main.js")
    assert (file.status, file.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "name", ["none.js", "index.html", "..%2f__init__.py", "%00", "tsconfig.json"]
)
async def test_only_the_files_of_the_page_are_served(gateway: JobsGateway, name: str) -> None:
    file = await gateway.call("GET", f"/web/x/{name}")
    assert (file.status, file.code) == (404, "not_found")
