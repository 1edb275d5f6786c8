"""docs/protocols/shop-channel.md tells the truth: octets are both ends' and come out anew, tables are the code's."""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC, SHA256
from Crypto.Protocol.KDF import HKDF
from headend.crypto.x25519 import public_key, x25519_shared
from headend.shop import clients
from settop.services.shop.states import TABLE
from settop.wire import shop as wire

from tests.helpers.shop_channel import DEVICE_KEY, TERMINAL_ID, Ends
from tests.vectors import shop_channel_vectors as vectors

PAGE = (Path(__file__).parents[2] / "docs/protocols/shop-channel.md").read_text(encoding="utf-8")
TICKET, PROOF, TAG = 102, 16, 16
NUMBERS = {"B": "1", "H": "2", "I": "4", "Q": "8"}


def values(title):
    block = PAGE.split(f"### {title}\n")[1].split("```text\n")[1].split("```")[0].replace("\n  ", "")
    return {name: bytes.fromhex(text) for name, text in re.findall(r"^([\w' ]+): (.*)$", block, re.MULTILINE)}


REGISTER = values("A terminal registers")
CLIENT = values("The client asks for its balance")
MESSAGES = ("HELLO", "CHALLENGE", "REQUEST", "REPLY")


def draws(*blocks):
    left = list(blocks)

    def random(count):
        assert len(left[0]) == count
        return left.pop(0)

    return random


def test_both_ends_say_what_the_page_has(monkeypatch):
    drawn = SimpleNamespace(token_bytes=lambda count: REGISTER["client id"][:count])
    monkeypatch.setattr(clients, "secrets", drawn)
    ends = Ends(
        random=draws(REGISTER["terminal's private key"], REGISTER["HELLO"][16:32], CLIENT["HELLO"][16:32]),
        far_random=draws(REGISTER["shop's private key"], REGISTER["CHALLENGE"][3:19], CLIENT["CHALLENGE"][3:19]),
    )
    client, key = ends.register()
    assert (client, key) == (REGISTER["client id"], REGISTER["communication key"])
    assert ends.ask(ends.client(client=client, key=key), wire.BALANCE) == CLIENT["reply"]
    assert ends.sent == [one[name] for one in (REGISTER, CLIENT) for name in ("HELLO", "REQUEST")]
    assert ends.answered == [one[name] for one in (REGISTER, CLIENT) for name in ("CHALLENGE", "REPLY")]


@pytest.mark.parametrize(
    ("told", "secret", "request_body", "reply"),
    [
        (REGISTER, REGISTER["device key"], b"\x01", bytes.fromhex("00000001a3185c500000") + REGISTER["client id"]),
        (CLIENT, REGISTER["communication key"], CLIENT["request"], CLIENT["reply"]),
    ],
)
def test_worked_out_from_the_standards_it_comes_to_the_same(told, secret, request_body, reply):
    hello, challenge = told["HELLO"], told["CHALLENGE"]
    if hello[2]:
        theirs = public_key(REGISTER["terminal's private key"])
        assert hello[32:] == theirs and challenge[19:51] == public_key(REGISTER["shop's private key"])
        secret += x25519_shared(REGISTER["shop's private key"], theirs)
    covered = challenge[: -PROOF - TICKET]
    transcript = hashlib.sha256(b"ringcast shop 1" + hello + covered).digest()
    okm = HKDF(secret, 98, transcript, SHA256, context=b"ringcast shop keys")
    assert CMAC.new(okm[:16], transcript, AES).digest() == challenge[-PROOF:]
    if hello[2]:
        assert okm[66:] == REGISTER["communication key"]
    sealed, ticket = told["REQUEST"][:-TICKET], told["REQUEST"][-TICKET:]
    assert ticket == challenge[-PROOF - TICKET : -PROOF]
    for message, key, salt, plain in (
        (sealed, okm[32:48], okm[57:66], request_body),
        (told["REPLY"], okm[16:32], okm[48:57], reply),
    ):
        cipher = AES.new(key, AES.MODE_CCM, nonce=salt + message[1:5], mac_len=TAG)
        cipher.update(message[:5])
        assert cipher.decrypt_and_verify(message[5:-TAG], message[-TAG:]) == plain


def test_the_suites_vectors_are_the_pages():
    assert (vectors.TERMINAL_ID, vectors.DEVICE_KEY) == (TERMINAL_ID, DEVICE_KEY)
    assert REGISTER["device key"] == DEVICE_KEY and REGISTER["terminal's private key"] == vectors.PRIVATE
    assert (REGISTER["client id"], REGISTER["communication key"]) == (vectors.CLIENT_ID, vectors.CLIENT_KEY)
    for name in MESSAGES:
        assert getattr(vectors, f"REGISTER_{name}") == REGISTER[name]
        assert getattr(vectors, f"CLIENT_{name}") == CLIENT[name]


def table(heading, columns):
    section = PAGE.split(f"{heading}\n")[1].split("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert rows[0] == columns
    return rows[2:]


def test_the_state_table_is_the_codes():
    assert [tuple(row) for row in table("### Terminal", ["state", "event", "next state"])] == list(TABLE)


def test_what_is_asked_for_is_the_codes():
    rows = table("## What is asked for", ["", "request", "values", "reply"])
    assert len(rows) == len(wire.WHAT) - 1
    for number, name, takes, _ in rows:
        assert getattr(wire, name) == int(number)
        kinds = [NUMBERS.get(kind, "TEXT") for kind in wire.WHAT[int(number)]]
        assert [re.sub(r"\(.*\)", "", value).split()[1] for value in takes.split(",") if value] == kinds
