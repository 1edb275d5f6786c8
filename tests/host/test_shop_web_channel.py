"""The sealed channel by HTTP: what a terminal says and has from `shop serve`, its own end of it being the board's."""

import hashlib
import os
import struct

import pytest
from headend.shop.web.notices import KIND
from settop.wire import shop as wire
from settop.wire import shop_channel as channel_wire

from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_channel import BODY, DEVICE_KEY, TERMINAL_ID, Channel
from tests.helpers.shop_web import OCTETS, Counter, code_of


@pytest.fixture
def shop(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as made:
        made.device_keys[TERMINAL_ID] = DEVICE_KEY
        yield made


class Terminal:
    """A client that has registered by HTTP."""

    def __init__(self, shop):
        self.shop = shop
        channel = self.open(channel_wire.TERMINAL, TERMINAL_ID, 0, DEVICE_KEY, channel_wire.SUITE_X25519)
        self.key = bytes(channel.next_key)
        self.client = self.ask(channel, wire.REGISTER)
        self.channel = self.open(channel_wire.CLIENT, self.client, 1, self.key)

    def post(self, octets):
        answer = self.shop.nobody.post("/channel", content=octets, headers={"content-type": KIND})
        assert answer.status_code == 200 and answer.headers["content-type"] == OCTETS
        assert answer.headers["cache-control"] == "no-store"
        return answer.content

    def open(self, who, its_id, number, key, suite=0):
        channel = Channel(os.urandom)
        channel.receive(self.post(channel.hello(who, its_id, number, key, suite)))
        return channel

    def ask(self, channel, what, *values):
        body = bytes(channel.receive(self.post(channel.request(wire.pack_request(what, *values)))))
        assert struct.unpack_from(wire.REPLY_HEAD, body)[:2] == (wire.OK, NOW), body
        return body[BODY:]

    def copy(self, title):
        """(path, octets, digest) of the user's copy."""
        rest = self.ask(self.channel, wire.CONTENT, title)
        size, digest = struct.unpack_from(">Q32s", rest)
        return rest[41:].decode(), size, digest


@pytest.fixture
def terminal(shop):
    return Terminal(shop)


def test_a_terminal_registers_buys_and_downloads_what_the_channel_told(shop, terminal):
    title = shop.put()
    shop.visitor("ann", units=100)
    terminal.ask(terminal.channel, wire.SIGN_IN, "ann", PASSWORD)
    terminal.ask(terminal.channel, wire.BUY, title, 30)
    path, size, digest = terminal.copy(title)
    whole = shop.nobody.get(path)
    assert whole.status_code == 200 and len(whole.content) == size
    assert hashlib.sha256(whole.content).digest() == digest
    rest = shop.nobody.get(path, headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]})
    assert rest.status_code == 206 and whole.content[:1000] + rest.content == whole.content
    assert terminal.copy(title)[0] == path  # a download goes on there


def test_a_copys_path_is_its_buyers(shop, terminal):
    title, other = shop.put(), shop.put(name="Green")
    shop.visitor("ann", units=100)
    shop.visitor("bob", units=100).put(f"/api/account/titles/{title}", json={"price": 30})
    terminal.ask(terminal.channel, wire.SIGN_IN, "ann", PASSWORD)
    terminal.ask(terminal.channel, wire.BUY, title, 30)
    path = terminal.copy(title)[0]
    _, _, user, _, token = path.split("/")
    shop.forget_copies()
    for wrong in (
        f"/copies/{user}/{title}/{'0' * 32}",
        f"/copies/{int(user) + 1}/{title}/{token}",
        f"/copies/{user}/{other}/{token}",
        f"/copies/999/{title}/{token}",
    ):
        assert code_of(shop.nobody.get(wrong), 403) == "no-right"
    assert not list((shop.shelf.folder / "copies").iterdir())  # nothing was packed for them
    assert code_of(shop.nobody.get(path + "0"), 422) == "malformed"


def test_what_is_not_genuine_has_one_answer(shop, terminal):
    message = bytearray(terminal.channel.request(wire.pack_request(wire.BALANCE)))
    for damaged in (b"\0", bytes(message[:-1]), bytes(message[:-1]) + b"\0", bytes(60_000)):
        assert terminal.post(damaged) == bytes(channel_wire.REFUSAL)
    assert code_of(shop.nobody.post("/channel", content=bytes(70_000), headers={"content-type": KIND}), 413)
    assert code_of(shop.nobody.post("/channel", content=b"", headers={"content-type": KIND}), 422)
