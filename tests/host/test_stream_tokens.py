"""Tokens: good for one title, one user and a time, and nothing that is changed in one says why it is not."""

import random

import pytest
from headend.stream.tokens import KEY_BYTES, REFUSED, Tokens
from settop.errors import LocalError, RemoteError
from settop.media import key_text

KEY = bytes(range(KEY_BYTES))
UNTIL = 1_700_000_000_000
NUMBER = b"number 1"


@pytest.fixture
def tokens():
    return Tokens(KEY)


@pytest.fixture
def sealed(tokens):
    return key_text.parse_token(tokens.issue("film", "ann", UNTIL, NUMBER))[0]


def test_a_token_opens_its_title_for_its_user_in_its_time(tokens, sealed):
    grant = tokens.check(sealed, "film", "ann", UNTIL - 1)
    assert (grant.number, grant.expires_ms) == (NUMBER, UNTIL)
    assert grant.secret == bytes(key_text.parse_token(tokens.issue("film", "ann", UNTIL, NUMBER))[1])
    assert Tokens(KEY).check(sealed, "film", "ann", 0) == grant  # every server with the key
    assert grant.secret.hex() not in repr(grant)


@pytest.mark.parametrize(
    ("title", "user", "now_ms"), [("song", "ann", 0), ("film", "bob", 0), ("film", "ann", UNTIL), ("film", "", 0)]
)
def test_another_title_user_or_time_is_refused(tokens, sealed, title, user, now_ms):
    with pytest.raises(RemoteError, match=REFUSED):
        tokens.check(sealed, title, user, now_ms)


def test_every_bit_that_is_changed_is_refused_with_one_text(tokens, sealed):
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RemoteError, match=REFUSED):
            tokens.check(bytes(changed), "film", "ann", 0)


def test_a_token_that_is_cut_lengthened_or_another_key_s_is_refused(tokens, sealed):
    draw = random.Random(3)
    for other in (sealed[:-1], sealed + b"\0", b"", bytes(56), draw.randbytes(56), draw.randbytes(500)):
        with pytest.raises(RemoteError, match=REFUSED):
            tokens.check(other, "film", "ann", 0)
    with pytest.raises(RemoteError, match=REFUSED):
        Tokens(bytes(KEY_BYTES)).check(sealed, "film", "ann", 0)
    with pytest.raises(LocalError):
        Tokens(KEY[:-1])


def test_a_refusal_costs_the_same_work_whatever_is_wrong(tokens, sealed, monkeypatch):
    """Counted, not timed: how often a token is opened, a name digested and a secret derived."""
    import headend.stream.tokens as module

    counts = []

    def counted(call):
        counts.append(call.__name__)
        return call

    real_digest, real_hmac = module._digest, module.hmac.digest
    real_new = module.AES.new
    monkeypatch.setattr(module, "_digest", lambda *a: counted(real_digest)(*a))
    monkeypatch.setattr(module.hmac, "digest", lambda *a: counted(real_hmac)(*a))
    monkeypatch.setattr(module.AES, "new", lambda *a, **k: counted(real_new)(*a, **k))
    seen = set()
    for octets, title, user, now_ms in (
        (sealed, "film", "ann", UNTIL),
        (sealed, "song", "ann", 0),
        (sealed, "film", "bob", 0),
        (bytes(56), "film", "ann", 0),
        (b"", "film", "ann", 0),
        (sealed, "film", "ann", 0),
    ):
        counts.clear()
        try:
            tokens.check(octets, title, user, now_ms)
        except RemoteError:
            pass
        seen.add(tuple(counts))
    assert len(seen) == 1
