"""A credential that is renewed: ahead of its end, when it is refused, and by one at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from reelgate.clock import SystemClock
from reelgate.db.credentials import Credentials
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.secret_box import SecretBox
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import (
    StorageFailed,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpClient
from reelgate.providers.base import Ready
from reelgate.providers.imagine import tokens
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.providers.imagine.build import sandbox_hosts
from reelgate.providers.imagine.credentials import ImagineAccount
from reelgate.providers.imagine.tokens import RenewedCredentials
from reelgate.sandbox import Sandbox
from reelgate.sandbox.faults import Operation
from reelgate.sandbox.recorder import Outcome
from tests.http_servers import replying, serving
from tests.providers.imagine_account import a_request, a_token, an_account

ACCOUNT = "imagine"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Members:
    """Several processes' ends of one kept credential, each with a database of its own."""

    def __init__(self, url: str, folder: Path, http: HttpClient) -> None:
        self._url = url
        self._folder = folder
        self._http = http
        self._databases = [open_database(url)]

    @property
    def kept(self) -> Credentials:
        return Credentials(self._databases[-1], SecretBox(KEY, self._folder))

    async def begin(self, credential: Credential) -> None:
        await migrate(self._databases[0])
        await self.kept.keep(credential)

    async def join(self, auth_url: str) -> RenewedCredentials:
        self._databases.append(open_database(self._url))
        found = await self.kept.find(ACCOUNT)
        assert found is not None
        return RenewedCredentials(self.kept, found, self._http, auth_url, SystemClock())

    async def close(self) -> None:
        for database in self._databases:
            await database.close()


@pytest.fixture
async def members(database_url: str, tmp_path: Path, http: HttpClient) -> AsyncIterator[Members]:
    some = Members(database_url, tmp_path, http)
    yield some
    await some.close()


@asynccontextmanager
async def alone(tmp_path: Path, http: HttpClient) -> AsyncIterator[Members]:
    """On SQLite only, where the database does not matter."""
    some = Members(f"sqlite:///{tmp_path}/reelgate.sqlite", tmp_path, http)
    try:
        yield some
    finally:
        await some.close()


def a_pair(sandbox: Sandbox, *, left_s: float, age_s: float = 20_000.0) -> Credential:
    """A pair that the stand-in gave out, whose access token has so long left."""
    pair = sandbox.provider.account.grants.issue()
    return Credential(
        ACCOUNT,
        CredentialKind.WEB,
        Tokens(pair.session, pair.refresh),
        obtained_at_s=time.time() - age_s,
        expires_at_s=time.time() + left_s,
    )


async def test_many_processes_at_a_tokens_end_make_one_refresh(
    members: Members, sandbox: Sandbox
) -> None:
    await members.begin(a_pair(sandbox, left_s=-1.0))
    four = [await members.join(f"{sandbox.url}/auth") for _ in range(4)]
    bearers = await asyncio.gather(*(each.bearer() for each in four for _ in range(25)))
    grants = sandbox.provider.account.grants
    assert (len(set(bearers)), grants.rotations, grants.reuses) == (1, 1, 0)
    assert grants.is_alive(bearers[0])


async def test_a_token_that_is_refused_everywhere_at_once_costs_one_refresh_each_time(
    members: Members, sandbox: Sandbox
) -> None:
    await members.begin(a_pair(sandbox, left_s=20_000.0))
    three = [await members.join(f"{sandbox.url}/auth") for _ in range(3)]
    grants = sandbox.provider.account.grants
    for round_number in range(1, 4):
        bearers = [await each.bearer() for each in three]
        for each, bearer in zip(three, bearers, strict=True):
            each.accepted(bearer)
        sandbox.provider.account.expire()
        renewed = await asyncio.gather(
            *(each.renew(bearer) for each, bearer in zip(three, bearers, strict=True))
        )
        assert all(renewed)
        assert (grants.rotations, grants.reuses) == (round_number, 0)


async def test_a_token_is_renewed_ten_minutes_ahead_while_the_old_one_is_used(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        old = a_pair(sandbox, left_s=599.0)
        await members.begin(old)
        credentials = await members.join(f"{sandbox.url}/auth")
        assert await credentials.bearer() == old.tokens.access
        await credentials.close()
        assert await credentials.bearer() != old.tokens.access
        assert sandbox.provider.account.grants.rotations == 1


async def test_the_new_pair_is_kept_before_it_is_used(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "KEEP_PAUSE_S", 0.01)
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=-1.0))
        credentials = await members.join(f"{sandbox.url}/auth")
        keep, failures = Credentials.renewed, iter([StorageFailed("away")] * 3)

        async def flaky(self: Credentials, *args: object) -> bool:
            if (error := next(failures, None)) is not None:
                raise error
            return await keep(self, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Credentials, "renewed", flaky)
        bearer = await credentials.bearer()
        found = await members.kept.find(ACCOUNT)
        assert found is not None
        assert found.tokens.access == bearer
        assert sandbox.provider.account.grants.rotations == 1


@pytest.mark.parametrize(("left_s", "refreshes"), [(500.0, 0), (-1.0, 1)])
async def test_a_refresh_that_died_with_its_process_is_repeated_only_when_nothing_is_left_to_lose(
    members: Members, sandbox: Sandbox, left_s: float, refreshes: int
) -> None:
    old = a_pair(sandbox, left_s=left_s)
    await members.begin(old)
    kept = await members.kept.find(ACCOUNT)
    assert kept is not None
    assert await members.kept.claim(kept, "a process that was killed", 0.0)
    credentials = await members.join(f"{sandbox.url}/auth")
    bearer = await credentials.bearer()
    await credentials.close()
    assert sandbox.provider.account.grants.rotations == refreshes
    assert (bearer == old.tokens.access) == (refreshes == 0)


async def test_a_dead_refresh_token_is_told_with_the_command_and_not_tried_again(
    members: Members, sandbox: Sandbox
) -> None:
    await members.begin(a_pair(sandbox, left_s=-1.0))
    sandbox.provider.account.grants.revoke()
    two = [await members.join(f"{sandbox.url}/auth") for _ in range(2)]
    for credentials in (*two, *two):
        with pytest.raises(UpstreamUnauthorized, match="reelgate login imagine"):
            await credentials.bearer()
    assert all(credentials.expiry.is_over for credentials in two)
    assert sandbox.recorder.count(Operation.REFRESH) == 1


async def test_signing_in_again_wakes_a_process_whose_credential_was_dead(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=-1.0))
        sandbox.provider.account.grants.revoke()
        credentials = await members.join(f"{sandbox.url}/auth")
        with pytest.raises(UpstreamUnauthorized):
            await credentials.bearer()
        fresh = a_pair(sandbox, left_s=20_000.0)
        await members.kept.keep(fresh)
        await asyncio.sleep(tokens.LOOK_EVERY_S)
        assert await credentials.bearer() == fresh.tokens.access
        assert not credentials.expiry.is_over


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("<html>Sign in</html>", "text/html", "a web page"),
        ("", "text/plain", "nothing"),
        ('{"error": "temporarily_unavailable"}', "application/json", "the error"),
        ('{"result": {}}', "application/json", "without a token"),
        ("[1, 2]", "application/json", "without a token"),
    ],
)
async def test_a_200_without_a_pair_is_told_and_leaves_the_living_token_in_use(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox, body: str, content_type: str, said: str
) -> None:
    asked = 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await replying(200, body, Content_Type=content_type)(request)

    async with serving(answer) as url, alone(tmp_path, http) as members:
        old = a_pair(sandbox, left_s=500.0)
        await members.begin(old)
        credentials = await members.join(url)
        for _ in range(5):
            assert await credentials.bearer() == old.tokens.access
            await credentials.close()
        # The refresh token may be spent, so it is not tried again while the token lives.
        assert asked == 1
        assert said in credentials.expiry.told()
        assert old.tokens.refresh not in credentials.expiry.told()


async def test_an_expired_token_and_a_sign_in_that_is_away_is_trouble_that_passes(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=-1.0))
        credentials = await members.join("http://127.0.0.1:9")
        with pytest.raises(UpstreamUnavailable):
            await credentials.bearer()
        assert not credentials.expiry.is_over


async def test_a_401_while_polling_costs_a_refresh_and_nothing_else(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=20_000.0))
        credentials = await members.join(f"{sandbox.url}/auth")
        imagine = an_imagine(http, sandbox, credentials)
        job = await imagine.submit(a_request("a cat [[ready after=0]]"))
        poller = imagine.watch(job.provider_id)
        sandbox.provider.account.expire()
        async with asyncio.timeout(100):
            while not isinstance(await poller.poll(), Ready):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert sandbox.provider.account.grants.rotations == 1
        assert sandbox.recorder.count(Operation.STATUS, Outcome.REFUSED) == 1
        assert sandbox.recorder.count(Operation.SUBMIT) == 1


async def test_a_submit_refused_in_the_vendors_words_is_sent_again_with_a_new_token(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=20_000.0))
        imagine = an_imagine(http, sandbox, await members.join(f"{sandbox.url}/auth"))
        sandbox.provider.account.expire()
        assert (await imagine.submit(a_request())).provider_id
        counts = [
            sandbox.recorder.count(Operation.SUBMIT, outcome)
            for outcome in (Outcome.REFUSED, Outcome.ACCEPTED)
        ]
        assert counts == [1, 1]


async def test_a_submit_refused_in_anybody_elses_words_is_not_sent_again(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=20_000.0))
        imagine = an_imagine(http, sandbox, await members.join(f"{sandbox.url}/auth"))
        with pytest.raises(UpstreamError):
            await imagine.submit(a_request("a cat [[front status=401 by=nginx]]"))
        assert sandbox.recorder.count(Operation.SUBMIT) == 1


async def test_a_new_token_that_is_refused_at_once_is_not_renewed_again_and_again(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        await members.begin(a_pair(sandbox, left_s=20_000.0))
        credentials = await members.join(f"{sandbox.url}/auth")
        assert await credentials.renew(await credentials.bearer())
        for _ in range(3):
            assert not await credentials.renew(await credentials.bearer())
        assert sandbox.provider.account.grants.rotations == 1


async def test_a_token_that_another_process_got_is_renewed_once_if_it_is_refused_here(
    members: Members, sandbox: Sandbox
) -> None:
    """Whether it was accepted there is not known here; two do not renew in turns for ever."""
    await members.begin(a_pair(sandbox, left_s=20_000.0))
    here, there = [await members.join(f"{sandbox.url}/auth") for _ in range(2)]
    grants = sandbox.provider.account.grants
    for each in (here, there):
        each.accepted(await each.bearer())
    assert await there.renew(await there.bearer())
    assert await here.renew(await here.bearer())
    assert grants.rotations == 1
    assert await here.renew(await here.bearer())
    assert grants.rotations == 2
    for each in (here, there, here, there):
        if each.current.version < here.current.version:
            assert await each.renew(await each.bearer())
        assert not await each.renew(await each.bearer())
    assert (grants.rotations, grants.reuses) == (2, 0)


async def test_no_token_is_in_a_repr_an_error_or_the_file(
    tmp_path: Path, http: HttpClient, sandbox: Sandbox
) -> None:
    async with alone(tmp_path, http) as members:
        old = a_pair(sandbox, left_s=-1.0)
        await members.begin(old)
        credentials = await members.join(f"{sandbox.url}/auth")
        shown = [repr(old), repr(old.tokens), repr(credentials), repr(credentials.current)]
        new = await credentials.bearer()
        shown += [repr(credentials), repr(credentials.current), credentials.hide(f"x {new} y")]
        stored = bytes_in(tmp_path)
        for secret in (old.tokens.access, old.tokens.refresh, new):
            assert secret not in "".join(shown)
            assert secret.encode() not in stored


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def an_imagine(http: HttpClient, sandbox: Sandbox, credentials: RenewedCredentials) -> ImagineWeb:
    account = ImagineAccount(credentials, "org", "folder")
    return ImagineWeb(http, sandbox_hosts(sandbox.url), account)


async def test_a_piece_of_a_token_is_told_and_nothing_is_sent(
    http: HttpClient, sandbox: Sandbox
) -> None:
    half = a_token(userId="u").rpartition(".")[0]
    imagine = ImagineWeb(http, sandbox_hosts(sandbox.url), an_account(half))
    with pytest.raises(UpstreamUnauthorized, match="only a piece") as caught:
        await imagine.submit(a_request())
    assert half not in str(caught.value)
    assert sandbox.recorder.count(Operation.SUBMIT) == 0
