"""The credentials of upstream accounts: encrypted, and renewed by one process at a time.

A refresh token is spent when it is used, and a second use ends everything that came from it. So
whoever renews a credential first takes the lease in its row, and a change names the version that it
was made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Update,
    bindparam,
    delete,
    insert,
    literal,
    or_,
    select,
    update,
)

from reelgate.db.database import Database
from reelgate.db.schema import DatabaseNow, credentials
from reelgate.db.secret_box import SecretBox
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import SecretsUnreadable

NOBODY = ""
"""No lease is held, and none was left open."""
PAUSED = "paused:"
"""Before the holder of a lease that ended in a sure refusal: its refresh token is not spent."""

Row = dict[str, str | int | float | bytes | None]

OF_ACCOUNT: ColumnElement[bool] = credentials.c.account == bindparam("the_account")
OF_VERSION: ColumnElement[bool] = credentials.c.version == bindparam("the_version")
FIND = select(
    credentials,
    (credentials.c.lease_until > DatabaseNow()).label("is_leased"),
).where(OF_ACCOUNT)
SIGNED_IN = select(credentials.c.account).where(credentials.c.kind == CredentialKind.OAUTH.value)
CLAIM = (
    update(credentials)
    .where(
        OF_ACCOUNT,
        OF_VERSION,
        credentials.c.dead == "",
        or_(credentials.c.lease == NOBODY, credentials.c.lease_until <= DatabaseNow()),
    )
    .values(lease=bindparam("the_holder"), lease_until=DatabaseNow() + bindparam("the_lease_s"))
)
RELEASE = (
    update(credentials)
    .where(OF_ACCOUNT, OF_VERSION, credentials.c.lease == bindparam("the_holder"))
    .values(lease=bindparam("the_next"), lease_until=DatabaseNow() + bindparam("the_lease_s"))
)
DIE = (
    update(credentials)
    .where(OF_ACCOUNT, OF_VERSION)
    .values(dead=bindparam("why"), lease=literal(NOBODY), lease_until=literal(0.0))
)


class Credentials:
    """Named queries on the credentials."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def find(self, account: str) -> Credential | None:
        """An account's credential; None where there is none.

        Raises:
            SecretsUnreadable: it was written with another key.
        """
        row = await self._database.look_up(
            lambda connection: connection.execute(FIND, {"the_account": account}).mappings().first()
        )
        return None if row is None else self._from_row(row)

    async def kind_of(self, account: str) -> CredentialKind | None:
        """What kind of credential an account has, which no key is needed for."""
        row = await self._database.look_up(
            lambda connection: connection.execute(FIND, {"the_account": account}).mappings().first()
        )
        return None if row is None else CredentialKind(row["kind"])

    async def signed_in(self) -> frozenset[str]:
        """The accounts that somebody has signed in to."""
        return frozenset(
            await self._database.look_up(lambda connection: connection.scalars(SIGNED_IN).all())
        )

    async def keep(self, credential: Credential) -> None:
        """Keep a credential in place of the account's last one, whatever became of that."""
        row = self._row_of(credential)
        await self._database.write(lambda connection: put(connection, row))

    async def seed(self, credential: Credential) -> None:
        """Keep the settings' credential, unless it was made from these settings before."""
        row = self._row_of(credential)
        origin = credential.origin
        await self._database.exclusive(lambda connection: put_seed(connection, row, origin))

    async def choose(self, account: str, org_id: str, parent_id: str) -> None:
        """Keep the organisation and folder that were chosen."""
        place: Row = {"org_id": org_id, "parent_id": parent_id}
        blank = self._row_of(Credential(account, CredentialKind.PLACE))

        def change(connection: Connection) -> None:
            of_account = {"the_account": account}
            statement = update(credentials).where(OF_ACCOUNT).values(place)
            if not connection.execute(statement, of_account).rowcount:
                connection.execute(insert(credentials), {**blank, **place})

        await self._database.write(change)

    async def remove(self, account: str) -> bool:
        """Forget an account's credential; False if there is none."""
        statement = delete(credentials).where(OF_ACCOUNT)
        return await self._database.write(
            lambda connection: bool(
                connection.execute(statement, {"the_account": account}).rowcount
            )
        )

    async def claim(self, credential: Credential, holder: str, lease_s: float) -> bool:
        """Take the lease to renew this version; False where somebody else has it, or had it."""
        return await self._change(CLAIM, credential, the_holder=holder, the_lease_s=lease_s)

    async def renewed(
        self,
        credential: Credential,
        tokens: Tokens,
        obtained_at_s: float,
        expires_at_s: float | None,
    ) -> bool:
        """Keep the new tokens, and let go of the lease; False if this version is not there."""
        statement = (
            update(credentials)
            .where(OF_ACCOUNT, OF_VERSION)
            .values(
                version=credentials.c.version + 1,
                secret=self._seal(tokens),
                obtained_at=obtained_at_s,
                expires_at=expires_at_s,
                dead="",
                lease=NOBODY,
                lease_until=0.0,
            )
        )
        return await self._change(statement, credential)

    async def release(
        self, credential: Credential, holder: str, *, in_doubt: bool, pause_s: float
    ) -> None:
        """Let go of the lease; nobody takes it again for a while.

        `in_doubt` says that the refresh token may be spent: that is remembered until the next
        change of the tokens.
        """
        following = holder if in_doubt or pause_s else NOBODY
        marked = following if in_doubt or not following else f"{PAUSED}{holder}"
        await self._change(
            RELEASE, credential, the_holder=holder, the_next=marked, the_lease_s=pause_s
        )

    async def die(self, credential: Credential, why: str) -> None:
        """This version cannot be renewed any more."""
        await self._change(DIE, credential, why=why)

    async def _change(
        self, statement: Update, credential: Credential, **values: str | float
    ) -> bool:
        parameters = {
            "the_account": credential.account,
            "the_version": credential.version,
            **values,
        }
        return await self._database.write(
            lambda connection: bool(connection.execute(statement, parameters).rowcount)
        )

    def _seal(self, tokens: Tokens) -> bytes:
        return self._box.seal(json.dumps(asdict(tokens)).encode())

    def _row_of(self, credential: Credential) -> Row:
        is_secret = credential.kind is not CredentialKind.PLACE
        return {
            "account": credential.account,
            "kind": credential.kind.value,
            "version": credential.version,
            "secret": self._seal(credential.tokens) if is_secret else b"",
            "obtained_at": credential.obtained_at_s,
            "expires_at": credential.expires_at_s,
            "org_id": credential.org_id,
            "parent_id": credential.parent_id,
            "origin": credential.origin,
            "dead": credential.dead,
            "lease": NOBODY,
            "lease_until": 0.0,
        }

    def _from_row(self, row: RowMapping) -> Credential:
        lease = str(row["lease"])
        return Credential(
            account=row["account"],
            kind=CredentialKind(row["kind"]),
            tokens=self._tokens_of(bytes(row["secret"]), row["account"]),
            version=row["version"],
            obtained_at_s=row["obtained_at"],
            expires_at_s=row["expires_at"],
            org_id=row["org_id"],
            parent_id=row["parent_id"],
            origin=row["origin"],
            dead=row["dead"],
            in_doubt=lease != NOBODY and not lease.startswith(PAUSED) and not row["is_leased"],
        )

    def _tokens_of(self, sealed: bytes, account: str) -> Tokens:
        if not sealed:
            return Tokens()
        remedy = f"sign in again with `reelgate login {account}`"
        kept = json.loads(self._box.open(sealed, remedy))
        if not isinstance(kept, dict):
            raise SecretsUnreadable(f"The credential in the database is no credential: {remedy}.")
        # A newer version may keep more.
        known = {name: kept[name] for name in Tokens.__slots__ if isinstance(kept.get(name), str)}
        return Tokens(**known)


def put(connection: Connection, row: Row) -> None:
    """Write a row in place of the account's last one; its version goes on from that one's."""
    of_account = {"the_account": row["account"]}
    last = connection.execute(FIND, of_account).mappings().first()
    if last is None:
        connection.execute(insert(credentials), {**row, "version": 1})
        return
    values: Mapping[str, object] = {**row, "version": last["version"] + 1}
    connection.execute(update(credentials).where(OF_ACCOUNT).values(values), of_account)


def put_seed(connection: Connection, row: Row, origin: str) -> None:
    """The same, unless the account's last one has this origin; its place stays."""
    last = connection.execute(FIND, {"the_account": row["account"]}).mappings().first()
    if last is None:
        put(connection, row)
    elif last["origin"] != origin:
        put(connection, {**row, "org_id": last["org_id"], "parent_id": last["parent_id"]})
