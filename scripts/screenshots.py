"""Takes the pictures of the playground that the README shows: `make screenshots`.

It runs a gateway of its own on the sandbox, makes some videos, and needs Chromium.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from pathlib import Path

import aiohttp
from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from reelgate.runtime.server import running
from reelgate.settings import Settings

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SPEED = 10.0
QUALITY = 82
FIELDS = {"imagine-text-to-video": {"resolution": "720p"}}
PROMPTS = (
    ("A lighthouse at dusk, slow push in, gulls drifting past the lamp", "imagine-text-to-video"),
    ("Steam train crossing a stone viaduct in autumn, aerial", "kling-3.0-pro"),
    ("Rain on a neon street, close-up of a puddle", "veo-3.1"),
    ("A cat eating hotdogs in a park, golden hour", "imagine-text-to-video"),
    ("Ink dropped into clear water, macro, white background", "seedance-2.0"),
    ("Hot air balloons over a salt flat at sunrise", "wan-2.6"),
    ("A potter's hands shaping a bowl, shallow focus", "imagine-text-to-video"),
    ("Time lapse of a city waking up, tilt-shift", "veo-3.1-fast"),
    ("Northern lights above a frozen lake, wide and still", "kling-2.6-pro"),
    ("A paper boat crossing a flooded street", "imagine-text-to-video"),
)
REFUSED = ("A film that nobody may see [[moderated]]", "imagine-text-to-video")
TYPED = "The same cat, now asleep on the bench, first snow falling"
NEXT = "A cat eating hotdogs in a park, winter morning, breath in the cold air"
COMPARED = "A hummingbird at a red flower, slow motion, soft garden light"


async def main() -> int:
    """Take every picture; the program's exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("The pictures are taken with Chromium, and there is none here.\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {"_env_file": None, "data_dir": folder, "port": 0, "sandbox_speed": SPEED}
        )
        async with running(settings) as url, async_playwright() as playwright:
            await fill(url)
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            await take(browser, url)
            await browser.close()
    return 0


async def fill(url: str) -> None:
    """Make the videos that the pictures show."""
    async with aiohttp.ClientSession(url) as session:
        asked = []
        for prompt, model in (*PROMPTS, REFUSED):
            body = {"prompt": prompt, "model": model, **FIELDS.get(model, {})}
            async with session.post("/v1/videos", json=body) as made:
                made.raise_for_status()
                asked.append((await made.json())["id"])
        for video in asked:
            async with session.get(f"/v1/videos/{video}/events") as events:
                await events.read()


async def take(browser: Browser, url: str) -> None:
    """The three pages, in both themes and on a phone."""
    # Playwright types the size as a TypedDict, and ours is a plain dict.
    context = await browser.new_context(viewport=WIDE, color_scheme="light")
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_label("Prompt", exact=True).fill(COMPARED)
    await page.get_by_label("Compare with").select_option("veo-3.1")
    await page.get_by_role("radio", name="720p").check()
    await page.get_by_role("button", name="Make 2").click()
    await page.locator(".pair video").nth(1).wait_for(timeout=120_000)
    await page.get_by_label("Prompt", exact=True).fill(NEXT)
    await page.get_by_label("Compare with").select_option("nothing")
    await page.get_by_role("button", name="Make", exact=True).click()
    await page.locator(".run[data-status=in_progress] progress").wait_for()
    await page.get_by_label("Prompt", exact=True).fill(TYPED)
    await page.get_by_text("half by").wait_for()
    await page.locator(".toast").last.wait_for(state="detached")
    await shot(page, "playground-light")
    await page.locator(".run progress:visible").last.wait_for(state="hidden", timeout=120_000)
    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{url}/#/library")
    await pictures(page)
    await shot(page, "playground-dark")
    await page.goto(f"{url}/#/status")
    await page.get_by_text("Ready for work").wait_for()
    await page.locator(".toasts").wait_for(state="hidden")
    await shot(page, "playground-status")
    await context.close()
    phone = await browser.new_context(viewport=PHONE, color_scheme="dark", device_scale_factor=2)
    page = await phone.new_page()
    await page.goto(f"{url}/#/library")
    await pictures(page)
    await shot(page, "playground-phone")
    await phone.close()


async def pictures(page: Page) -> None:
    """Wait until the library's pictures are there."""
    await page.locator(".card img").nth(5).wait_for()
    await page.wait_for_function(
        "() => [...document.querySelectorAll('.card img')].every(i => i.complete)"
    )


async def shot(page: Page, name: str) -> None:
    """Keep what the page shows, as a small file."""
    await page.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(await page.screenshot()))
    picture.save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
