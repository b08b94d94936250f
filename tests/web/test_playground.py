"""The playground in a real browser, from the prompt to the film."""

from __future__ import annotations

import io
import json
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.gateway import Gateway, a_gateway, a_prompt, soon

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "rg_" + "".join(chr(97 + each % 26) for each in range(40))
PLAYS = "video => video.currentTime > 0 && !video.paused && !video.error"
SLOW = "[[ready after=1.5]]"
NEVER = "[[ready after=1e9]]"


async def compose(page: Page, prompt: str) -> None:
    """Fill in the form for a short video."""
    await page.get_by_label("Prompt", exact=True).fill(prompt)
    await page.get_by_role("radio", name="5 s", exact=True).check()
    await page.get_by_role("radio", name="720p").check()


async def make(page: Page, prompt: str) -> None:
    await compose(page, prompt)
    await page.keyboard.press("Control+Enter")


def run_of(page: Page, prompt: str) -> object:
    return page.locator(".run", has_text=prompt)


async def test_from_the_prompt_to_the_playing_film(page: Page, gateway: Gateway) -> None:
    prompt = a_prompt(SLOW)
    await page.goto(gateway.url)
    await expect(page.get_by_text("Sandbox", exact=True)).to_be_visible()
    await make(page, prompt)
    run = page.locator(".run", has_text=prompt)
    await expect(run.get_by_role("progressbar")).to_be_visible()
    await expect(page).to_have_title(re.compile(r"\(1\)"))
    # A reload in the middle changes nothing.
    await page.reload()
    await expect(run.get_by_role("progressbar")).to_be_visible()
    await expect(run.get_by_text("Ready after")).to_be_visible()
    await expect(page.get_by_role("status").get_by_text(f"Ready: {prompt[:20]}")).to_be_attached()
    film = run.locator("video")
    await film.evaluate("video => { video.muted = true; return video.play(); }")
    await page.wait_for_function(PLAYS, arg=await film.element_handle())
    await run.get_by_role("link", name=prompt).click()
    player = page.get_by_role("dialog", name="Video")
    await expect(player.get_by_text("Kept here")).to_be_visible()
    await expect(player.get_by_text(re.compile(r"\d+ credits"))).to_be_visible()
    await player.get_by_text(re.compile(r"\d+ polls?$")).click()
    await expect(player.get_by_role("row", name="not ready").first).to_be_visible()
    await expect(player.get_by_role("row").last).to_contain_text("ready")
    async with page.expect_download() as downloading:
        await player.get_by_role("link", name="Download").click()
    assert (await (await downloading.value).path()).read_bytes()[4:8] == b"ftyp"


async def test_two_models_stand_side_by_side_and_play_together(
    page: Page, gateway: Gateway
) -> None:
    prompt = a_prompt()
    await page.goto(gateway.url)
    await page.get_by_label("Compare with").select_option("veo-3.1")
    await compose(page, prompt)
    await expect(page.get_by_text("veo-3.1: 6 instead.")).to_be_visible()
    await page.get_by_role("button", name="Make 2").click()
    pair = page.get_by_role("group", name="Side by side")
    await expect(pair.locator("video")).to_have_count(2)
    await page.evaluate("document.querySelectorAll('video').forEach(v => { v.muted = true; })")
    await pair.get_by_role("button", name="Play both").click()
    for place in range(2):
        film = await pair.locator("video").nth(place).element_handle()
        await page.wait_for_function(PLAYS, arg=film)
    # Side by side they stay after a reload.
    await page.reload()
    await expect(pair.locator(".run")).to_have_count(2)


async def test_a_failure_says_why_and_retries_for_nothing_only_where_it_was_free(
    page: Page, gateway: Gateway
) -> None:
    await page.goto(gateway.url)
    free, paid = a_prompt("[[moderated at=submit]]"), a_prompt("[[ends as=failed]]")
    await make(page, free)
    run = page.locator(".run", has_text=free)
    await expect(run.get_by_text("moderation refused")).to_be_visible()
    await expect(run.get_by_text("Change the prompt")).to_be_visible()
    await run.get_by_role("button", name="Retry").click()
    await expect(page.locator(".run", has_text=free)).to_have_count(2)
    await make(page, paid)
    run = page.locator(".run", has_text=paid)
    await run.get_by_role("button", name="Retry").click()
    warning = page.get_by_role("dialog", name="Make it again?")
    await expect(warning).to_contain_text("may have been charged")
    await warning.get_by_role("button", name="Leave it").click()
    assert len(await gateway.submits(paid)) == 1


async def test_bad_input_is_told_where_it_is(page: Page, gateway: Gateway, tmp_path: Path) -> None:
    await page.goto(gateway.url)
    prompt = page.get_by_label("Prompt", exact=True)
    await page.get_by_role("button", name="Make", exact=True).click()
    await expect(prompt).to_be_focused()
    await expect(page.get_by_text("Write what the video shows.")).to_be_visible()
    await prompt.fill("🎬" * 2001)
    await expect(page.get_by_text("1 characters too many.")).to_be_visible()
    await prompt.fill("🎬" * 2000)
    await page.get_by_label("Style id").fill("99999999999999999999")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-field=style_id] .note.bad")).to_contain_text("style_id")
    assert await prompt.input_value() == "🎬" * 2000
    await page.get_by_label("Style id").fill("")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".run", has_text="🎬🎬🎬")).to_be_visible()
    html = f"<img src=x onerror=alert(1)><b>{a_prompt()}</b>"
    await make(page, html)
    await expect(page.locator(".run", has_text=html)).to_be_visible()
    await page.get_by_label("Model", exact=True).select_option("veo-3.1")
    broken, fake = tmp_path / "broken.png", tmp_path / "fake.png"
    fake.write_bytes(b"<svg onload=alert(1)>")
    broken.write_bytes(a_picture()[:60])
    chooser = page.locator("#file-input_reference")
    await chooser.set_input_files(fake)
    await expect(page.get_by_text("fake.png is not a PNG, JPEG or WebP picture.")).to_be_visible()
    await chooser.set_input_files(broken)
    await expect(page.get_by_text("broken.png cannot be read as a picture")).to_be_visible()
    await chooser.set_input_files({"name": "cat.png", "mimeType": "", "buffer": a_picture()})
    await expect(page.get_by_role("img", name="Reference picture cat.png")).to_be_visible()
    pictured = a_prompt()
    await prompt.fill(pictured)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".run", has_text=pictured).get_by_text("Ready")).to_be_visible()


async def test_several_references_go_along_where_the_model_takes_them(
    page: Page, gateway: Gateway
) -> None:
    await page.goto(gateway.url)
    chooser, prompt = page.locator("#file-input_references"), a_prompt()
    await expect(chooser).to_have_count(0)
    await page.get_by_label("Model", exact=True).select_option("seedance-2.0")
    pictures = [a_file(f"{colour}.png", colour) for colour in ("teal", "navy")]
    await chooser.set_input_files(pictures)
    await expect(page.get_by_role("img", name=re.compile("References .*png"))).to_have_count(2)
    await chooser.set_input_files(a_file("red.png", "red"))
    await page.get_by_role("button", name="Remove red.png").click()
    # Beside references no picture to start from is taken, which is told where it was chosen.
    start = page.locator("#file-input_reference")
    await start.set_input_files(a_file("a.png", "lime"))
    await page.get_by_label("Prompt", exact=True).fill(prompt)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("input_reference is not allowed")).to_be_visible()
    await page.get_by_role("button", name="Remove a.png").click()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".run", has_text=prompt).get_by_text("Ready")).to_be_visible()
    [row] = gateway.rows(prompt)
    assert len(json.loads(row["request"])["references"]) == 2


async def test_a_video_whose_file_is_gone_says_so(page: Page, gateway: Gateway) -> None:
    made = await gateway.generate(a_prompt())
    for film in gateway.data_dir.rglob("*.mp4"):
        film.unlink()
    await page.goto(f"{gateway.url}/#/library/{made.video}")
    player = page.get_by_role("dialog", name="Video")
    await expect(player.locator(".no-picture")).to_contain_text(re.compile("gone|no longer|not"))
    await expect(player.get_by_role("button", name="Remix")).to_be_visible()


async def test_what_is_asked_for_while_the_gateway_is_away_is_made_once_it_is_back(
    page: Page, tmp_path: Path, sandbox_url: str
) -> None:
    port, before, away = free_port(), a_prompt(NEVER), a_prompt()
    async with on_port(tmp_path, sandbox_url, port) as gateway:
        await page.goto(gateway.url)
        await make(page, before)
        run = page.locator(".run", has_text=before)
        await expect(run.get_by_text("Rendering")).to_be_visible()
    await expect(page.get_by_text("The gateway cannot be reached.")).to_be_visible()
    await make(page, away)
    await expect(page.get_by_text("Not sent yet")).to_be_visible()
    async with on_port(tmp_path, sandbox_url, port) as gateway:
        again = page.locator(".run", has_text=away)
        await expect(again.get_by_text("Ready after")).to_be_visible()
        await expect(page.get_by_text("Not sent yet")).to_be_hidden()
        await expect(page.get_by_text("The gateway cannot be reached.")).to_be_hidden()
        assert len(await gateway.accepted(away)) == len(await gateway.accepted(before)) == 1
        await run.get_by_role("button", name="Cancel").click()
        await page.get_by_role("button", name="Stop it").click()
        await expect(run.get_by_text("Cancelled")).to_be_visible()


async def test_a_page_that_was_offline_goes_on(page: Page, gateway: Gateway) -> None:
    prompt = a_prompt()
    await page.goto(gateway.url)
    await compose(page, prompt)
    await page.context.set_offline(True)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Not sent yet")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.locator(".run", has_text=prompt).get_by_text("Ready after")).to_be_visible()
    assert len(await gateway.accepted(prompt)) == 1


async def test_the_keyboard_alone_makes_finds_plays_and_deletes(
    page: Page, gateway: Gateway
) -> None:
    prompts = [a_prompt(), a_prompt()]
    for prompt in prompts:
        await gateway.generate(prompt)
    await page.goto(gateway.url)
    await expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await tab_to(page, "prompt")
    third = a_prompt()
    await page.keyboard.type(third)
    await tab_to(page, "select-model")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".run", has_text=third).get_by_text("Ready after")).to_be_visible()
    await page.goto(f"{gateway.url}/#/library")
    first = page.locator(".card-link").first
    await expect(first).to_contain_text(third)
    await first.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".card-link:focus")).to_contain_text(prompts[1])
    await page.keyboard.press("End")
    await expect(page.locator(".card-link:focus")).to_contain_text(prompts[0])
    await page.keyboard.press("Enter")
    player = page.get_by_role("dialog", name="Video")
    await expect(player.get_by_text("Kept here")).to_be_visible()
    await page.keyboard.press("PageUp")
    await expect(player.locator(".player-prompt")).to_have_text(prompts[1])
    await page.keyboard.press("Escape")
    await expect(page.locator(".card-link:focus")).to_contain_text(prompts[1])
    await page.keyboard.press("Delete")
    await expect(page.locator(".card")).to_have_count(2)
    await page.get_by_role("button", name="Undo").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".card")).to_have_count(3)


async def test_a_deletion_that_is_not_undone_is_made(page: Page, gateway: Gateway) -> None:
    made = await gateway.generate(a_prompt())
    await page.goto(f"{gateway.url}/#/library")
    await page.locator(".card-link").first.focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text("No videos yet.")).to_be_visible()
    # Whoever leaves the page has decided.
    await page.goto("about:blank")
    await soon(lambda: gateway.rows(made.body["id"]) == [] and not read_ids(gateway.data_dir))


async def test_on_a_phone_everything_fits_and_works(browser: Browser, gateway: Gateway) -> None:
    await gateway.generate(a_prompt("word " * 60))
    phone = await browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = await phone.new_page()
    prompt = a_prompt()
    await page.goto(gateway.url)
    await compose(page, prompt)
    await page.get_by_role("button", name="Make", exact=True).tap()
    await expect(page.locator(".run", has_text=prompt).get_by_text("Ready after")).to_be_visible()
    for name in ("Make", "Library", "Status"):
        await page.get_by_role("link", name=name, exact=True).tap()
        await expect(page.locator(f"nav a:text-is('{name}')")).to_have_attribute(
            "aria-current", "page"
        )
        await expect(page.locator("main h1")).to_be_attached()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, name
    await page.get_by_role("link", name="Library", exact=True).tap()
    await page.locator(".card-link").first.tap()
    await expect(page.get_by_role("dialog", name="Video").get_by_text("Kept here")).to_be_visible()
    await phone.close()


async def test_a_session_that_ends_loses_nothing_that_was_typed(
    page: Page, tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        await page.goto(gateway.url)
        await sign_in(page, "rg_wrong")
        await expect(page.get_by_text("Nobody knows this key.")).to_be_visible()
        await sign_in(page, KEY)
        await expect(page.get_by_text("bootstrap")).to_be_visible()
        assert KEY not in await page.evaluate("document.cookie + JSON.stringify(localStorage)")
        prompt = a_prompt()
        await compose(page, prompt)
        await page.context.clear_cookies()
        await page.keyboard.press("Control+Enter")
        await sign_in(page, KEY)
        await expect(page.get_by_label("Prompt", exact=True)).to_have_value(prompt)
        await page.get_by_role("button", name="Make", exact=True).click()
        await expect(page.locator(".run", has_text=prompt)).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
        await expect(page.locator(".run")).to_have_count(0)


async def test_an_operator_finds_every_keys_videos_and_changes_only_its_own(
    page: Page, tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        own = {"Authorization": f"Bearer {KEY}"}
        alice = (await gateway.call("POST", "/v1/keys", json={"name": "alice"}, headers=own)).body[
            "key"
        ]
        hers, mine = a_prompt(), a_prompt()
        await gateway.generate(hers, headers={"Authorization": f"Bearer {alice}"})
        await gateway.generate(mine, headers=own)
        await page.goto(f"{gateway.url}/#/library")
        await sign_in(page, KEY)
        cards = page.locator(".card-link")
        await expect(cards).to_have_count(1)
        key = page.get_by_role("combobox", name="API key")
        await key.select_option("Every key")
        await expect(cards).to_have_count(2)
        await key.select_option("alice")
        await expect(cards).to_have_count(1)
        await expect(cards).to_contain_text("alice")
        await cards.focus()
        await page.keyboard.press("Delete")
        await page.keyboard.press("Enter")
        player = page.get_by_role("dialog", name="Video")
        await expect(player.get_by_text("Kept here")).to_be_visible()
        await expect(player.get_by_role("link", name="Download")).to_be_visible()
        await expect(player.get_by_role("button", name="Use as a start")).to_be_visible()
        for name in ("Remix", "Share", "Delete"):
            await expect(player.get_by_role("button", name=name)).to_have_count(0)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Sign out").click()
        await sign_in(page, alice)
        await expect(cards).to_contain_text(hers)
        await expect(key).to_be_hidden()


async def test_a_share_link_opens_for_whoever_has_no_key(
    page: Page, browser: Browser, tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        prompt = a_prompt()
        made = await gateway.generate(prompt, headers={"Authorization": f"Bearer {KEY}"})
        await page.goto(f"{gateway.url}/#/library/{made.video}")
        await sign_in(page, KEY)
        await page.get_by_role("button", name="Share").click()
        await expect(page.get_by_text("It works until")).to_be_visible()
        link = await page.get_by_label("Link", exact=True).input_value()
        stranger = await browser.new_context()
        other = await stranger.new_page()
        await other.goto(link)
        await expect(other.get_by_text(prompt)).to_be_visible()
        film = other.locator("video")
        await film.evaluate("video => { video.muted = true; return video.play(); }")
        await other.wait_for_function(PLAYS, arg=await film.element_handle())
        await other.goto(f"{gateway.url}/#/library")
        await expect(other.get_by_role("dialog", name="Sign in")).to_be_visible()
        await stranger.close()


async def test_the_request_as_code_is_the_one_that_is_sent(page: Page, gateway: Gateway) -> None:
    await page.goto(gateway.url)
    await compose(page, 'It\'s a "cat" \\ 🎬')
    await page.get_by_role("button", name="Copy as").click()
    code = page.get_by_label("The request")
    await expect(code).to_contain_text("curl")
    for language, text in (
        ("Python", "requests.post("),
        ("JavaScript", "await fetch("),
        ("OpenAI SDK", 'seconds="5"'),
    ):
        await page.get_by_role("button", name=language).click()
        await expect(code).to_contain_text(text)


async def sign_in(page: Page, key: str) -> None:
    # The library's filter has the same label, and is there until the signed-out page is drawn.
    await page.get_by_label("API key").and_(page.locator("input")).fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def tab_to(page: Page, element: str) -> None:
    for _ in range(40):
        if await page.evaluate("document.activeElement.id") == element:
            return
        await page.keyboard.press("Tab")
    raise AssertionError(element)


def a_file(name: str, colour: str) -> FilePayload:
    return {"name": name, "mimeType": "", "buffer": a_picture(colour)}


def a_picture(colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


def read_ids(data_dir: Path) -> list[str]:
    with closing(sqlite3.connect(data_dir / "reelgate.sqlite")) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM videos")]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def on_port(data_dir: Path, sandbox_url: str, port: int) -> AsyncIterator[Gateway]:
    async with a_gateway(data_dir, sandbox_url, port=port) as gateway:
        yield gateway
