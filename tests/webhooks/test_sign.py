"""Signatures, as others verify them."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook, WebhookVerificationError

from reelgate.net.secret_keys import decode_secret, decode_secrets
from reelgate.webhooks.sender import Signer

from .receivers import OTHER_SECRET, SECRET

CLIENT = OpenAI(api_key="none")
KEYS = st.binary(min_size=24, max_size=64)


def secret_of(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


@given(KEYS, st.dictionaries(st.text(), st.text()))
def test_the_reference_library_and_openais_sdk_accept_every_signature(
    key: bytes, data: dict[str, str]
) -> None:
    body = json.dumps({"type": "video.completed", "data": data}, ensure_ascii=False)
    try:
        raw = body.encode()
    except UnicodeEncodeError:
        return
    headers = Signer((key,)).headers("msg_1", time.time(), raw)
    assert Webhook(secret_of(key)).verify(raw, headers) == json.loads(body)
    CLIENT.webhooks.verify_signature(raw, headers, secret=secret_of(key))


@given(KEYS, st.integers(0, 2**32), st.text(st.characters(codec="utf-8")))
def test_a_signature_is_the_reference_librarys_own(key: bytes, now: int, body: str) -> None:
    ours = Signer((key,)).headers("msg_1", now + 0.9, body.encode())
    theirs = Webhook(secret_of(key)).sign("msg_1", datetime.fromtimestamp(now, UTC), body)
    assert ours == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": theirs,
    }


def test_the_example_of_the_specifications_own_tests_comes_out() -> None:
    signer = Signer([decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_changed_body_an_old_time_and_another_secret_are_refused() -> None:
    body, now = b'{"type":"video.completed"}', time.time()
    signer = Signer([decode_secret(SECRET)])
    headers = signer.headers("msg_1", now, body)
    old = signer.headers("msg_1", now - 600, body)
    for secret, text, sent in (
        (SECRET, body + b" ", headers),
        (SECRET, body, old),
        (OTHER_SECRET, body, headers),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(text, sent)
        with pytest.raises(InvalidWebhookSignatureError):
            CLIENT.webhooks.unwrap(text, sent, secret=secret)


def test_while_a_secret_is_changed_receivers_of_both_accept() -> None:
    body = b'{"type":"video.completed"}'
    keys = decode_secrets(f"{OTHER_SECRET} {SECRET}")
    headers = Signer(keys).headers("msg_1", time.time(), body)
    for secret in (SECRET, OTHER_SECRET):
        Webhook(secret).verify(body, headers)
        CLIENT.webhooks.unwrap(body, headers, secret=secret)


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_%%%",
        "whsec_c2hvcnQ=",
        f"whsec_{'QUFB' * 22}",
        "WHSEC_MfKQ9r8GKYqr",
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl") as refused:
        decode_secret(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value) or secret == "whsec_"


def test_a_signer_does_not_show_its_keys() -> None:
    key = decode_secret(SECRET)
    shown = repr(Signer([key]))
    assert shown == "Signer(1 keys)"
