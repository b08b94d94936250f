"""What pages of other origins can do to a gateway without keys, in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from tests.chromium import CHROMIUM, Tab, a_tab
from tests.gateway import GENERATIONS, SHORT, Gateway, Json, a_gateway, a_prompt, until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

EVERY_NAME_LEADS_HERE = "--host-resolver-rules=MAP *.example 127.0.0.1"
"""As a name server does that rebinds its names, and as pages of this machine are reached."""

FORM = """{
    const form = document.createElement('form');
    form.method = 'post';
    form.action = %(action)s;
    form.enctype = %(enctype)s;
    for (const [name, value] of Object.entries(%(fields)s)) {
        const input = document.createElement('input');
        input.name = name;
        input.value = value;
        form.append(input);
    }
    document.body.append(form);
    form.submit();
}"""
ENCTYPES = ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain")

FETCH = """fetch(%(url)s, %(options)s).then(
    async answer => ({status: answer.status, text: await answer.text()}),
    error => ({status: 0, text: String(error)}),
)"""


@asynccontextmanager
async def pages() -> AsyncIterator[int]:
    """The port of a server with an empty page at every address."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def fetched(tab: Tab, url: str, **options: Json) -> tuple[int, Json]:
    """What a script of the page sees of an answer: status 0 where it sees nothing."""
    if "json" in options:
        options["body"] = json.dumps(options.pop("json"))
        options["headers"] = {"Content-Type": "application/json"}
    script = FETCH % {"url": json.dumps(url), "options": json.dumps(options)}
    seen = await tab.run(script)
    try:
        return seen["status"], json.loads(seen["text"])
    except ValueError:
        return seen["status"], seen["text"]


@pytest.mark.long
async def test_a_foreign_page_neither_spends_nor_deletes_and_a_named_one_may(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with pages() as port:
        named = f"http://named.example:{port}"
        async with (
            a_gateway(tmp_path / "data", sandbox_url, cors_origins=f"*,{named}") as gateway,
            a_tab(tmp_path / "profile", EVERY_NAME_LEADS_HERE) as tab,
        ):
            for foreign in (f"http://foreign.example:{port}", f"http://127.0.0.1:{port}"):
                await sends_forms_in_vain(tab, gateway, f"{foreign}/")
                await tab.go(f"{foreign}/")
                await calls_in_vain(tab, gateway)
            await tab.go(f"{named}/")
            await may_do_everything(tab, gateway)
            await tab.go(f"http://rebound.example:{urlsplit(gateway.url).port}/docs")
            await finds_no_videos(tab)
            await tab.go(f"{gateway.url}/docs")
            await tries_a_request(tab)


async def sends_forms_in_vain(tab: Tab, gateway: Gateway, page: str) -> None:
    """A form needs no preflight: the browser sends it, whatever CORS says."""
    fields = {"prompt": a_prompt(), "model": "imagine-text-to-video"}
    for enctype in ENCTYPES:
        await tab.go(page)
        values = {"action": f"{gateway.url}/v1/videos", "enctype": enctype, "fields": fields}
        await tab.leave(FORM % {name: json.dumps(value) for name, value in values.items()})
        shown = await tab.run("document.body.innerText")
        if enctype == "multipart/form-data":
            assert '"foreign_origin"' in shown
            assert "REELGATE_CORS_ORIGINS" in shown
    assert gateway.rows(fields["prompt"]) == []


async def calls_in_vain(tab: Tab, gateway: Gateway) -> None:
    made = await gateway.call("POST", "/v1/videos", json={"prompt": a_prompt(), **SHORT})
    video = f"{gateway.url}/v1/videos/{made.body['id']}"
    wanted: dict[str, Json] = {"prompt": a_prompt(), **SHORT}
    for method, url, options in (
        ("POST", f"{gateway.url}/v1/videos", {"json": wanted}),
        ("POST", gateway.url + GENERATIONS, {"json": wanted}),
        ("POST", f"{video}/cancel", {}),
        ("POST", f"{video}/remix", {"json": {"prompt": wanted["prompt"]}}),
        ("DELETE", video, {}),
        ("GET", f"{gateway.url}/v1/videos", {}),
    ):
        status, body = await fetched(tab, url, method=method, **options)
        assert (status, body["error"]["code"]) == (403, "foreign_origin"), (method, url)
        assert "REELGATE_CORS_ORIGINS" in body["detail"]
    blind = {"method": "POST", "mode": "no-cors", "body": json.dumps(wanted)}
    assert await fetched(tab, f"{gateway.url}/v1/videos", **blind) == (0, "")
    assert gateway.rows(wanted["prompt"]) == []
    for url in (f"{gateway.url}/health", f"{gateway.url}/v1/models", video):
        assert (await fetched(tab, url))[0] == 200


async def may_do_everything(tab: Tab, gateway: Gateway) -> None:
    prompt = a_prompt()
    status, made = await fetched(
        tab, gateway.url + GENERATIONS, method="POST", json={"prompt": prompt, **SHORT}
    )
    assert (status, made["status"]) == (200, "COMPLETED")
    status, listed = await fetched(tab, f"{gateway.url}/v1/videos")
    assert listed["data"][0]["prompt"] == prompt
    video = f"{gateway.url}/v1/videos/{listed['data'][0]['id']}"
    assert (await fetched(tab, video, method="DELETE"))[0] == 200
    assert gateway.rows(prompt) == []


async def finds_no_videos(tab: Tab) -> None:
    """The page and the gateway are one origin to the browser, so that CORS is not asked."""
    for method in ("GET", "POST"):
        status, body = await fetched(tab, "/v1/videos", method=method)
        assert (status, body["error"]["code"]) == (403, "unknown_host")
        assert "REELGATE_ALLOWED_HOSTS" in body["detail"]


CLICK = "document.querySelector(%s).click()"
TEXT = "(document.querySelector(%s) || {}).textContent || ''"
TRIED = "[id^=operations-Blocking-generate_imagine_v1]"


async def tries_a_request(tab: Tab) -> None:
    """Swagger UI's own buttons, on the page that the gateway serves."""

    async def there(selector: str) -> bool:
        return bool(await tab.run(TEXT % json.dumps(selector)))

    for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
        selector = f"{TRIED} {button}"
        await until(lambda selector=selector: there(selector))  # type: ignore[misc]
        await tab.run(CLICK % json.dumps(selector))
    status = f"{TRIED} .live-responses-table .response .response-col_status"
    await until(lambda: there(status))
    assert (await tab.run(TEXT % json.dumps(status))).startswith("200")
    assert await there(".btn.authorize")
