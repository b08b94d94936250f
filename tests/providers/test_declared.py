"""A provider that the configuration file declares."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from reelgate.cli.config import load_settings
from reelgate.cli.exits import CliError
from reelgate.clock import SystemClock
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InvalidRequest, UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import CancelOutcome, Failed, Ready, Running
from reelgate.providers.declared.adapter import Declared
from reelgate.providers.declared.settings import DeclaredSettings
from reelgate.providers.declared.template import UNSAID, at, filled
from reelgate.providers.registry import registered
from reelgate.sandbox import Sandbox
from tests.gateway import TINY, a_gateway, a_prompt, until
from tests.http_servers import replying, serving

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "declared_provider.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
SECRET = "not-a-real-key"
PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
FRAME = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:first", "ab")


def declared(**changed: Any) -> DeclaredSettings:  # noqa: ANN401
    told = tomllib.loads(TEXT)["providers"]["acme"] | {"key": SECRET, "key_variable": ""}
    return DeclaredSettings(**{**told, **changed})


def an_acme(http: HttpClient, url: str = "https://acme.example/v1", **changed: Any) -> Declared:  # noqa: ANN401
    settings = declared(**changed)
    return Declared(http, ApiAccount("acme", url, settings.secret), settings)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACME_API_KEY", raising=False)


def loaded(tmp_path: Path, text: str) -> DeclaredSettings:
    path = tmp_path / "reelgate.toml"
    path.write_text(text, encoding="utf-8")
    own = load_settings(config=path).providers["acme"]
    assert isinstance(own, DeclaredSettings)
    return own


async def test_the_gateway_makes_a_video_with_the_example_s_provider(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox:
        # As a stand-in it has the sandbox's pace: a real one is polled every few seconds.
        of_account = f'kind = "declared"\nsandbox_url = "{sandbox.url}/xai/v1"'
        accounts = {"acme": loaded(tmp_path, TEXT.replace('kind = "declared"', of_account))}
        async with a_gateway(tmp_path / "g", sandbox.url, providers=accounts) as gateway:
            body = {"model": "acme-1", "prompt": a_prompt(), "seconds": "5", "style": "film"}
            made = await gateway.call("POST", "/v1/videos", json=body)
            assert made.status == 200, made.text
            video: dict[str, Any] = {}

            async def is_over() -> bool:
                path = f"/v1/videos/{made.body['id']}"
                video.update((await gateway.call("GET", path)).body)
                return video["status"] in {"completed", "failed"}

            await until(is_over)
            assert video["status"] == "completed", video
            [job] = sandbox.jobs
            assert job.clip.duration_s == 5


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('path = "videos/{id}"', 'path = "videos/{job}"', 'path = "videos/{job}"', "{id} once"),
        ("videos/generations", "{style}", 'path = "{style}"', "{style} cannot stand in a path"),
        ('"{style}"', '"{stile}"', "submit.body", "{stile} is no placeholder"),
        ('prompt = "{prompt}"', 'prompt = "a"', "submit.body", "nothing sends the prompt"),
        ('duration = "{duration}" ', 'seconds = "x" ', 'models."acme-1"]', "sends its duration"),
        ('done = ["done"]', "done = []", "done = []", "at least 1 item"),
        ('done = ["done"]', 'done = ["Pending"]', "done =", "a word for running already"),
        ('id = "request_id"', 'ident = "request_id"', "ident =", "use method, path, body, id"),
        ("gap_s = 2", 'gap_s = "soon"', "gap_s =", "valid number"),
        ('url = "video.url"', "", "download]", "either url or path"),
        ('takes = ["first_frame"]', 'takes = ["sead"]', "takes =", "'seed'"),
        ('"Authorization: Bearer {key}"', '"Bearer"', "key_header", "no header with the key"),
        ('base_url = "https://api', 'base_url = "ftp://api', '"ftp://', "is not an http://"),
        ('allowed = ["film"', "allowed = [5", "allowed = [5", "5 is no string"),
        (".fields.style]", ".fields.seconds]", "fields.seconds]", "means something else"),
        ('."acme-1"]', '."acme 1"]', '."acme 1"]', "no model's name"),
        ('allowed = ["film"', 'alowed = ["film"', "alowed", "use type, help, allowed"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, line: str, says: str
) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    number = next(n for n, each in enumerate(text.splitlines(), 1) if line in each)
    with pytest.raises(CliError) as caught:
        loaded(tmp_path, text)
    assert f"line {number}: " in str(caught.value)
    assert says in str(caught.value)


def test_the_key_is_in_the_file_or_in_a_variable_or_there_is_no_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, http: HttpClient
) -> None:
    assert not loaded(tmp_path, TEXT).is_configured
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    own = loaded(tmp_path, TEXT)
    assert (own.is_configured, own.secret) == (True, SECRET)
    assert SECRET not in repr(own)
    assert own.model_to_try == "acme-1"
    acme = registered("acme", own).build(http, own, SystemClock(), "acme")
    assert isinstance(acme, Declared)
    assert acme.key_headers() == {"Authorization": f"Bearer {SECRET}"}
    keyless = loaded(tmp_path, TEXT.replace("key_variable", "# key_variable"))
    assert keyless.is_configured
    assert not keyless.needs_key


async def test_a_submit_holds_what_the_request_says_and_nothing_else(http: HttpClient) -> None:
    acme = an_acme(http)
    [model] = acme.models
    plain = acme.preview(model.request(prompt="a cat"))
    shape = {"duration": 6, "aspect_ratio": "16:9", "resolution": "720p"}
    assert plain.json == {"model": "acme-1", "prompt": "a cat", **shape}
    request = model.request(prompt="a cat", references=(FRAME,), style="anime")
    call = acme.submit_call(request, marker="", pictures={FRAME.url: PNG}, push_url="")
    assert call.json == {
        "model": "acme-1",
        "prompt": "a cat",
        **shape,
        "image": {"url": PNG.data_url},
        "style": "anime",
    }
    assert price_of(model, request) == Money.of("0.30", Unit.USD)
    with pytest.raises(InvalidRequest):
        model.request(prompt="a cat", style="oil")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{duration}", 5),
        ("{duration}s", "5s"),
        ("{audio}", True),
        ("sound={audio}", "sound=true"),
        ("{seed}", UNSAID),
        ("{seed}!", UNSAID),
        ({"a": {"b": "{seed}"}, "c": 1}, {"c": 1}),
        ([{"a": "{seed}"}, "{prompt}"], ["x {duration}"]),
        ({}, {}),
        ("{}", "{}"),
    ],
)
def test_a_template_is_filled_once_and_loses_what_is_not_said(
    template: object, expected: object
) -> None:
    values = {"duration": 5, "audio": True, "seed": None, "prompt": "x {duration}"}
    assert filled(template, values) == expected


def test_a_path_leads_through_tables_and_lists() -> None:
    payload = {"data": [{"url": "u"}], "n": 1}
    paths = ("data.0.url", "data.1.url", "data.x", "n.x", "")
    assert [at(payload, each) for each in paths] == ["u", None, None, None, None]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('{"status": "DONE", "video": {"url": "https://f.example/a"}}', Ready),
        ('{"status": "new-word"}', Running),
        ("", Running),
        ('{"status": "expired", "error": {"message": "too late"}}', Failed),
    ],
)
async def test_the_words_of_a_declaration_decide(
    http: HttpClient, told: str, expected: type
) -> None:
    async with serving(replying(200, told)) as url:
        assert isinstance(await an_acme(http, url).watch("7").poll(), expected)


async def test_a_key_goes_by_its_header_and_to_the_api_alone(http: HttpClient) -> None:
    download = {"path": "videos/{id}/content", "needs_key": True}
    acme = an_acme(http, key_header="X-Api-Key: k {key}", download=download)
    assert acme.key_headers() == {"X-Api-Key": f"k {SECRET}"}
    assert acme.key_opens("https://acme.example/v1/videos/7/content")
    assert not acme.key_opens("https://files.example/7")
    async with serving(replying(200, '{"status": "done"}')) as url:
        report = await an_acme(http, url, download=download).report("7")
    assert report.url == "videos/7/content"


async def test_a_refusal_is_the_upstream_s_own_and_a_cancel_is_as_declared(
    http: HttpClient,
) -> None:
    async with serving(replying(401, '{"error": "no such key", "code": "x"}')) as url:
        acme = an_acme(http, url, cancel={"path": "videos/{id}"})
        with pytest.raises(UpstreamUnauthorized, match="no such key"):
            await acme.submit(acme.models[0].request(prompt="a cat"))
    async with serving(replying(200, "{}")) as url:
        acme = an_acme(http, url, cancel={"path": "videos/{id}"})
        assert await acme.cancel("7") is CancelOutcome.STOPPED
        assert await an_acme(http, url).cancel("7") is CancelOutcome.IMPOSSIBLE
