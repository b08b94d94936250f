"""Every page for everybody: an accessibility audit in both themes, and ten thousand videos."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from reelgate.domain.video import first_id_of
from tests.gateway import Gateway, a_gateway, a_prompt

from .test_playground import KEY, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """axe.run(document, {resultTypes: ['violations']}).then(found =>
    found.violations.map(each => [each.id, each.nodes.map(node => node.html.slice(0, 200))]))"""

MANY = 10_000
MOST_CARDS = 150
"""Of ten thousand: what a screen holds, and some rows beyond."""
MOST_BLOCKED_MS = 500
"""Of a long task; about ten times what one takes here."""
MOST_LONG = 5
"""Where other programs take the processor away in the middle of a task."""
TRIES = 3
FIRST_PAINT_MS = 1000
"""About ten times what it takes here."""
WATCH = """
    window.blocked = [];
    new PerformanceObserver(list => blocked.push(...list.getEntries().map(each => each.duration)))
        .observe({type: 'longtask', buffered: true});
"""


async def violations(page: Page) -> list[Any]:
    """What axe finds wrong with the page as it stands, in both themes."""
    devtools = await page.context.new_cdp_session(page)
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # As a debugger's, so that the page's own policy need not be weaker for it.
        await devtools.send("Runtime.evaluate", {"expression": AXE.read_text()})
        answer = await devtools.send(
            "Runtime.evaluate",
            {"expression": RUN_AXE, "awaitPromise": True, "returnByValue": True},
        )
        found += [(scheme, each) for each in answer["result"]["value"]]
    await devtools.detach()
    return found


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: `npm ci`")
async def test_no_page_violates_a_rule_of_accessibility(
    page: Page, tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        own = {"Authorization": f"Bearer {KEY}"}
        await gateway.generate(a_prompt("[[moderated]]"), headers=own)
        made = await gateway.generate(a_prompt(), headers=own)
        await gateway.call(
            "POST", "/v1/videos", json={"prompt": a_prompt("[[ready after=1e9]]")}, headers=own
        )
        await page.goto(gateway.url)
        assert await violations(page) == []  # The sign-in.
        await sign_in(page, KEY)
        await page.get_by_label("Compare with").select_option("veo-3.1")
        await page.get_by_role("button", name="Make 2").click()
        await expect(page.locator(".run .bad")).to_be_visible()
        await expect(page.locator(".toast").first).to_be_hidden()
        assert await violations(page) == []
        await page.get_by_role("button", name="Copy as").click()
        assert await violations(page) == []
        await page.goto(f"{gateway.url}/#/library")
        await expect(page.locator(".card")).to_have_count(3)
        assert await violations(page) == []
        await page.goto(f"{gateway.url}/#/library/{made.video}")
        await expect(page.get_by_text("Kept here")).to_be_visible()
        await page.locator(".polls summary").click()
        assert await violations(page) == []
        await page.get_by_role("button", name="Share").click()
        await expect(page.get_by_text("It works until")).to_be_visible()
        assert await violations(page) == []
        link = await page.get_by_label("Link", exact=True).input_value()
        await page.goto(f"{gateway.url}/#/status")
        await expect(page.get_by_text("Ready for work")).to_be_visible()
        assert await violations(page) == []
        await page.goto(link)
        await expect(page.get_by_text("this link works until")).to_be_visible()
        assert await violations(page) == []


@pytest.mark.long
async def test_ten_thousand_videos_scroll_as_ten_do(page: Page, gateway: Gateway) -> None:
    made = await gateway.generate(a_prompt())
    multiply(gateway.data_dir, made.video)
    await page.add_init_script(WATCH)
    await page.goto(f"{gateway.url}/#/library")
    await expect(page.locator(".card").first).to_be_visible()
    first_paint_ms = min([await painted_ms(page) for _ in range(TRIES)])
    # `pytest -rP tests/web/test_audit.py -k ten_thousand` shows it.
    sys.stdout.write(f"first paint after {first_paint_ms:.0f} ms, the best of {TRIES}\n")
    assert first_paint_ms < FIRST_PAINT_MS
    # To the end, page by page as they come in.
    await page.evaluate("""new Promise(resolve => {
        const on = () => {
            scrollTo(0, document.documentElement.scrollHeight);
            const last = document.querySelector('.card[aria-setsize="10000"]');
            last ? resolve() : requestAnimationFrame(on);
        };
        on();
    })""")
    assert await page.locator(".card").count() < MOST_CARDS
    await expect(page.locator(".card", has_text="the oldest of all")).to_be_visible()
    # And back through the whole of it, four screens at each frame.
    await page.evaluate("""new Promise(resolve => {
        const up = () => {
            scrollBy(0, -4 * innerHeight);
            scrollY ? requestAnimationFrame(up) : resolve();
        };
        up();
    })""")
    assert await page.locator(".card").count() < MOST_CARDS
    long = [each for each in await page.evaluate("blocked") if each > MOST_BLOCKED_MS]
    assert len(long) <= MOST_LONG, long
    await page.get_by_label("Search prompts").fill("the oldest of all")
    await expect(page.locator(".card")).to_have_count(1)


async def painted_ms(page: Page) -> float:
    """When the page, loaded anew, showed something first."""
    await page.reload()
    await expect(page.locator(".card").first).to_be_visible()
    return float(await page.evaluate("performance.getEntriesByName('first-paint')[0].startTime"))


def multiply(data_dir: Path, video: str) -> None:
    """Make ten thousand videos of one."""
    with closing(sqlite3.connect(data_dir / "reelgate.sqlite")) as connection, connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM videos WHERE id = ?", (video,)).fetchone())
        request = json.loads(row["request"])
        now = time.time()
        rows = []
        for number in range(1, MANY):
            age_s = number * 60.0
            words = "the oldest of all" if number == MANY - 1 else f"scene {number}, take 1"
            created_at = now - age_s
            rows.append(
                row
                | {
                    "id": first_id_of(created_at)[:-6] + f"{number:06x}",
                    "created_at": created_at,
                    "request": json.dumps(request | {"prompt": words}),
                    "fingerprint": str(number),
                }
            )
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.executemany(f"INSERT INTO videos ({names}) VALUES ({values})", rows)
