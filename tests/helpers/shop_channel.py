"""Both ends of the shop's channel, with a terminal that is known and one client, and what goes between them."""

import os

from headend.accounts.vault import Vault
from headend.shop.channel import Channel as FarEnd
from headend.shop.channel_requests import Content
from headend.shop.tickets import KEY_ID
from settop.wire import shop as wire
from settop.wire import shop_channel as channel_wire
from testbed.machines.cpython import use_shims

from tests.helpers.shop import MASTER, NOW, Stall

use_shims()

from settop.services.shop.channel import Channel  # noqa: E402

TERMINAL_ID, DEVICE_KEY = b"terminal", bytes(range(0x40, 0x60))
TICKET_KEY = bytes(range(64))
BODY = wire.REPLY_HEAD_BYTES


class Ends:
    """A shop and its channel. `sent`, `answered`: every message, as a listener has it."""

    def __init__(self, url="sqlite://", random=os.urandom, far_random=os.urandom):
        self.url = url
        self.stall = Stall(url)
        vault = Vault(self.stall.engine, MASTER)
        with self.stall.engine.begin() as connection:
            vault.put(connection, TICKET_KEY, KEY_ID)
        self.random = random
        self.known = {TERMINAL_ID: DEVICE_KEY}
        self.far = FarEnd(self.stall, MASTER, self.known.get, self.locate, far_random)
        self.sent, self.answered = [], []

    def locate(self, bought, user):
        return Content(f"/copies/{bought.title}-{user}", 4096, bytes(32))

    def carry(self, octets, now_ms=NOW):
        self.sent.append(octets)
        self.answered.append(self.far.answer(octets, now_ms))
        return self.answered[-1]

    def open(self, who, its_id, number, key, suite=0, now_ms=NOW):
        """A channel that is open. Raises RemoteError."""
        channel = Channel(self.random)
        channel.receive(self.carry(channel.hello(who, its_id, number, key, suite), now_ms))
        return channel

    def ask(self, channel, what, *values, now_ms=NOW):
        """The whole body of the reply. Raises RemoteError."""
        return bytes(channel.receive(self.carry(channel.request(wire.pack_request(what, *values)), now_ms)))

    def register(self):
        """(client id, its first key)"""
        channel = self.open(channel_wire.TERMINAL, TERMINAL_ID, 0, DEVICE_KEY, channel_wire.SUITE_X25519)
        key = bytes(channel.next_key)
        return self.ask(channel, wire.REGISTER)[BODY:], key

    def client(self, number=1, key=None, client=None, **options):
        """A channel of a client, which is registered where none is given."""
        if client is None:
            client, key = self.register()
        return self.open(channel_wire.CLIENT, client, number, key, **options)
