"""docs/protocols/stream.md against the code, and its octets worked out by other cryptography."""

import hashlib
import re
import struct
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC, SHA256
from Crypto.Protocol.KDF import HKDF
from headend.crypto import sealing as host
from settop.crypto import sealing as terminal
from settop.wire import stream as wire
from testbed.machines.cpython import use_shims

use_shims()
PAGE = (Path(__file__).parents[2] / "docs/protocols/stream.md").read_text(encoding="utf-8")
TOLD = dict(re.findall(r"^([\w ,']+): (.+)$", PAGE.split("```text\n")[-1], re.MULTILINE))
URL = TOLD["URL"].encode()
SEALED, SECRET, SHARED, OFFER, ANSWER = (
    bytes.fromhex(TOLD[name])
    for name in ("sealed token", "secret", "X25519 shared secret", "OFFER", "ANSWER without proof")
)


def counted(octets):
    return struct.pack(">H", len(octets)) + octets


def test_the_octets_are_what_other_cryptography_gives():
    parts = b"".join(counted(part) for part in (SEALED, URL, OFFER, ANSWER))
    transcript = hashlib.sha256(b"ringcast stream 1" + parts).digest()
    okm = HKDF(SECRET + SHARED, 32 + 3 * 30, transcript, SHA256, context=b"ringcast stream keys")
    for at, name in enumerate(("viewer's proof", "server's proof")):
        assert CMAC.new(okm[16 * at : 16 * at + 16], transcript, AES).hexdigest() == TOLD[name]
    for at, name in enumerate(("media", "reports", "back")):
        key, salt = okm[32 + 30 * at : 48 + 30 * at], okm[48 + 30 * at : 62 + 30 * at]
        assert TOLD[name] == f"{key.hex()} {salt.hex()}"


@pytest.mark.parametrize("primitives", [host.PRIMITIVES, terminal.PRIMITIVES], ids=["head-end", "terminal"])
def test_each_end_derives_what_the_page_has(primitives):
    keys = wire.Keys(primitives, SECRET + SHARED, SEALED, URL, OFFER, ANSWER)
    assert keys.viewer_proof.hex() == TOLD["viewer's proof"] and keys.server_proof.hex() == TOLD["server's proof"]
    for name in ("media", "reports", "back"):
        key, salt = getattr(keys, name)
        assert TOLD[name] == f"{key.hex()} {salt.hex()}"


def test_the_page_has_every_suite_and_length():
    found = re.findall(r"^\| (\d) \| (\w+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [(int(row[0]), row[1], int(row[2]), int(row[3])) for row in found] == list(wire.SUITES)
    assert (
        f"base64url of {wire.SEALED_BYTES} octets that the server sealed, and of {wire.SECRET_BYTES} of a secret"
        in PAGE
    )
    assert len(OFFER) == 1 + wire.NONCE_BYTES + wire.PUBLIC_BYTES + 1 + 3
