"""What the shop and its terminals say, fuzzed at both ends behind the seal: a peer may be genuine and wrong."""

import random
import struct

import pytest
from settop.errors import RemoteError
from settop.wire import shop as wire
from settop.wire import shop_channel as channel
from testbed.machines.cpython import use_shims

from tests.soak.test_fuzz_parsers import Parser, invented

use_shims()
from settop.services.shop import told  # noqa: E402

RIGHT = struct.pack(wire.RIGHT_HEAD, 7, 1, bytes(16), bytes(16)) + struct.pack(wire.TERMS, 1, 0, 9, 0)
RIGHT += wire.pack_text("Song X")
LIST = b"\0\5" + 2 * (struct.pack(">IIB", 7, 30, 1) + wire.pack_text("Song X") + wire.pack_text("Jazz"))
TASTES = b"\0\0" + 2 * (struct.pack(">IB", 20, 0) + wire.pack_text("Jazz"))
CONTENT = struct.pack(">Q32s", 4096, bytes(32)) + wire.pack_text("/copies/7")
UNIT = struct.pack(wire.CODEC_HEAD, 4, 900) + bytes(32) + wire.pack_text("/codecs/7")
HEAD = bytes((channel.REQUEST,)) + bytes(4)


class Errand:
    """As much of one as a reply needs."""

    def __init__(self, what):
        self.what = what
        self.count = 0
        self.content = None
        self.terminal = self.services = self.keys = self

    def get(self, name):
        return self

    unix_ms = now_ms = 0

    def keep(self, kid, key, terms=None):
        assert len(kid) == len(key) == 16

    def learn_time(self, unix_ms, now_ms, needed=False):
        pass

    def report(self, event, text=""):
        assert text.isprintable() or any(ord(char) > 159 for char in text)


def reply(what):
    return lambda data: told.tell(Errand(what), what, wire.Reader(data))


PARSERS = (
    Parser("HELLO", channel.unpack_hello, (channel.pack_hello(0, 0, bytes(8), 1, bytes(16)),)),
    Parser(
        "CHALLENGE",
        lambda data: channel.unpack_challenge(data, 0),
        (channel.pack_challenge(0, bytes(16)) + bytes(channel.TICKET_BYTES + 16),),
    ),
    Parser("REQUEST", channel.split_request, (HEAD + bytes(17 + channel.TICKET_BYTES),)),
    Parser(
        "what is asked for",
        wire.unpack_request,
        (
            bytes(wire.pack_request(wire.SIGN_IN, "ann", "correct horse")),
            bytes(wire.pack_request(wire.LIST, 3, "Jazz", "song x")),
            bytes(wire.pack_request(wire.BUY, 7, 30)),
            bytes(wire.pack_request(wire.JOIN, "Jazz", 20)),
            bytes(wire.pack_request(wire.HOUSEHOLD, 7)),
            bytes(wire.pack_request(wire.ADD, 1 << 63)),
            bytes(wire.pack_request(wire.CODEC, "twos", "pico", 6, 18, 31, 4)),
        ),
    ),
    Parser("a list", reply(wire.LIST), (LIST,)),
    Parser("tastes", reply(wire.TASTES), (TASTES,)),
    Parser("a right", reply(wire.BUY), (RIGHT,)),
    Parser("rights", reply(wire.RESTORE), (b"\0\0" + RIGHT + RIGHT,)),
    Parser("where a title is", reply(wire.CONTENT), (CONTENT,)),
    Parser("where a codec's unit is", reply(wire.CODEC), (UNIT,)),
    Parser("a balance", reply(wire.BALANCE), (bytes(8),)),
    Parser(
        "a refusal",
        lambda data: told.refusal(wire.Reader(data)),
        (bytes(wire.pack_refusal("no-units", 0, "there are not enough units")),),
    ),
)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_whatever_comes_gives_a_value_or_a_remote_error(parser, cases):
    rng = random.Random(f"fuzz shop {parser.name}")
    for sample in parser.samples:
        parser.parse(sample)
    refused = 0
    for _ in cases(300):
        try:
            parser.parse(invented(rng, parser))
        except RemoteError:
            refused += 1
    assert refused
