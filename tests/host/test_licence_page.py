"""docs/protocols/licence.md against the code: what both ends make of a licence, and its key worked out anew."""

import hashlib
import hmac
import re
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from headend.titles.terminal_licence import licence_line
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import Identity
from settop.wire import licence as wire
from testbed.machines.cpython import use_shims

PAGE = (Path(__file__).parents[2] / "docs/protocols/licence.md").read_text(encoding="utf-8")
TOLD = dict(re.findall(r"^([\w ]+): (.+)$", PAGE.split("```text\n")[1], re.MULTILINE))
DEVICE_KEY, TERMINAL_ID, KID, KEY = (
    bytes.fromhex(TOLD[name]) for name in ("device key", "terminal id", "key id", "key")
)


class Records(dict):
    """A keystore's of one service."""

    def store(self, name, data, counted=False):
        self[name] = bytearray(data)

    def load(self, name):
        return bytearray(self[name]) if name in self else None

    def delete(self, name):
        self.pop(name, None)


@pytest.fixture
def licences():
    use_shims()
    from settop.services.titles.licences import Licences

    return Licences(Records())


def test_the_head_end_says_what_the_page_has():
    assert licence_line(DEVICE_KEY, TERMINAL_ID, KID, KEY) == TOLD["to the terminal"]


def test_the_terminal_takes_it(licences):
    identity = Identity(TERMINAL_ID, DEVICE_KEY)
    kid = licences.take(TOLD["to the terminal"].split()[1], identity)
    assert f"{wire.LICENSED} kid={kid.hex()}" == TOLD["from the terminal"]
    assert licences.key(KID) == KEY and licences.key(bytes(16)) is None


def test_the_terminal_forgets_it(licences):
    licences.take(TOLD["to the terminal"].split()[1], Identity(TERMINAL_ID, DEVICE_KEY))
    line = TOLD["to have it forgotten"]
    assert line == f"{wire.COMMAND} {wire.FORGET} {KID.hex()}"
    kid = licences.forget(line.split()[2])
    assert f"{wire.FORGOTTEN} kid={kid.hex()}" == TOLD["then from the terminal"]
    assert licences.key(KID) is None


def test_worked_out_from_the_standards_it_comes_to_the_same():
    """HKDF by RFC 5869: extract, and the first block of expand."""
    extracted = hmac.digest(bytes(32), DEVICE_KEY, hashlib.sha256)
    kek = hmac.digest(extracted, b"ringcast title licence 1" + TERMINAL_ID + b"\x01", hashlib.sha256)[:16]
    assert kek.hex() == TOLD["KEK"]
    assert AES.new(kek, AES.MODE_KW).unseal(bytes.fromhex(TOLD["to the terminal"].split()[1])) == KID + KEY


def test_every_bit_of_it_counts(licences):
    good = bytes.fromhex(TOLD["to the terminal"].split()[1])
    for bit in range(0, 8 * len(good), 3):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RemoteError, match="altered"):
            licences.take(bad.hex(), Identity(TERMINAL_ID, DEVICE_KEY))
    assert licences.key(KID) is None


@pytest.mark.parametrize("short", range(4))
def test_values_of_other_lengths_are_refused_and_not_shown(short):
    values = [DEVICE_KEY, TERMINAL_ID, KID, KEY]
    values[short] = values[short][:-1]
    with pytest.raises(LocalError) as told:
        licence_line(*values)
    assert values[short].hex() not in str(told.value)
