"""Codec units in the shop: what it takes in, which one a terminal gets, by the channel and by HTTP."""

import hashlib
import struct

import pytest
from headend.accounts.engine import transaction
from headend.shop import codecs
from headend.shop.codecs import Wanted
from headend.shop.refusals import NO_CODEC, REFUSALS, Refused
from headend.updates.module import sign
from settop.errors import LocalError, RemoteError
from settop.wire import shop as wire

from tests.helpers import shop as helper
from tests.helpers.shop import NOW, Stall
from tests.helpers.shop_channel import BODY, Ends
from tests.helpers.shop_web import OCTETS, Counter, code_of
from tests.helpers.update_modules import KEY, UNIT, made

PICO = (6, 18, 31)
PLAIN_MPY = b"M\x06\x00\x1fplain bytecode"
PICO_MPY = b"M\x06\x12\x1fmachine code of a Pico"


@pytest.fixture
def shop():
    return Stall(helper.new_database())


def signed(version=1, module=UNIT % 1, codec="beep", board="", name="beep"):
    return sign(KEY, name, version, module, codec, board).octets()


def add(shop, data):
    with transaction(shop.engine) as connection:
        return codecs.add_codec(connection, data, NOW)


def got(shop, codec="beep", board="pico", abi=PICO, floor=0):
    with transaction(shop.engine) as connection:
        unit = codecs.codec_for(connection, Wanted(codec, board, abi, floor))
        return unit, codecs.signed_octets(connection, unit.digest)


def none_for(shop, **asked):
    with pytest.raises(Refused) as refused:
        got(shop, **asked)
    return refused.value.code == NO_CODEC


def test_a_codec_comes_out_as_it_was_signed_and_the_newest_one(shop):
    first, second = signed(1), signed(2)
    unit, new = add(shop, first)
    assert new and unit.digest == hashlib.sha256(first).digest() and unit.size == len(first)
    assert add(shop, first) == (unit, False)
    assert got(shop) == (unit, first)
    add(shop, second)
    assert got(shop)[1] == second and got(shop, codec="BEEP")[1] == second
    with transaction(shop.engine) as connection:
        assert [one.version for one in codecs.codecs(connection)] == [2, 1]


def test_an_older_version_and_another_one_of_the_same_are_refused(shop):
    add(shop, signed(4))
    for wrong, why in ((signed(3), "version 4 is here"), (signed(4, UNIT % 9), "another one of this version is here")):
        with pytest.raises(LocalError, match=why):
            add(shop, wrong)
    assert got(shop)[1] == signed(4)
    add(shop, signed(1, PICO_MPY, board="pico"))  # of another board and form: versions of its own


def test_what_is_no_signed_codec_is_refused_by_name(shop):
    whole = signed()
    for wrong, error, why in (
        (b"", RemoteError, "cut short"),
        (bytes(400), RemoteError, "no signed module"),
        (whole[:-1], RemoteError, "of which"),
        (whole[:-1] + b"\0", RemoteError, "altered"),
        (made("TICK_1").octets(), LocalError, "tick is a service"),
    ):
        with pytest.raises(error, match=why):
            add(shop, wrong)
    with transaction(shop.engine) as connection:
        assert codecs.codecs(connection) == []


def test_a_codec_has_one_name_and_a_name_one_codec(shop):
    add(shop, signed())
    for wrong in (signed(2, name="other"), signed(2, codec="boop")):
        with pytest.raises(LocalError, match="the codec beep is here by the name beep"):
            add(shop, wrong)


def test_a_terminal_gets_what_its_board_can_load_and_no_older_than_it_knows(shop):
    source, plain, pico = signed(3), signed(3, PLAIN_MPY), signed(3, PICO_MPY, board="pico")
    add(shop, source)
    assert got(shop)[1] == source
    add(shop, plain)
    assert got(shop)[1] == plain
    add(shop, pico)
    assert got(shop)[1] == pico
    assert got(shop, board="esp32", abi=(6, 42, 31))[1] == plain
    assert got(shop, board="cpython", abi=(0, 0, 63))[1] == source
    assert got(shop, floor=2)[1] == pico and none_for(shop, floor=3)
    add(shop, signed(4, PLAIN_MPY))
    assert got(shop, floor=3)[1] == signed(4, PLAIN_MPY)
    assert none_for(shop, codec="boop") and none_for(shop, codec="be\0ep")


def ask(ends, channel, *values):
    body = ends.ask(channel, wire.CODEC, *values)
    return body[0], wire.Reader(body[BODY:])


def test_a_client_asks_by_the_channel_without_having_signed_in():
    ends = Ends()
    data = signed(7)
    unit, _ = add(ends.stall, data)
    channel = ends.client()
    status, reader = ask(ends, channel, "beep", "pico", *PICO, 6)
    assert status == wire.OK and reader.take(wire.CODEC_HEAD) == (7, len(data))
    assert bytes(reader.key(32)) == unit.digest and reader.text() == f"/codecs/{hashlib.sha256(data).hexdigest()}"
    reader.end()
    for values in (("beep", "pico", *PICO, 7), ("boop", "pico", *PICO, 0), ("", "", 0, 0, 0, 0)):
        status, reader = ask(ends, channel, *values)
        assert status == wire.NO
        assert (reader.text(), struct.unpack(">I", reader.key(4))[0], reader.text()) == (
            NO_CODEC,
            0,
            REFUSALS[NO_CODEC][1],
        )


def test_a_codec_is_had_by_its_path_and_goes_on_where_it_was_cut(tmp_path):
    with Counter("sqlite://", tmp_path / "shelf") as shop:
        data = signed(1, UNIT % 1 + b"#" * 20_000)
        unit, _ = add(shop.stall, data)
        whole = shop.nobody.get(unit.path)
        assert whole.status_code == 200 and whole.content == data and whole.headers["content-type"] == OCTETS
        rest = shop.nobody.get(unit.path, headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]})
        assert rest.status_code == 206 and whole.content[:1000] + rest.content == data
        assert code_of(shop.nobody.get(unit.path, headers={"range": f"bytes={len(data)}-"}), 416)
        assert code_of(shop.nobody.get("/codecs/" + "0" * 64), 404) == NO_CODEC
        assert code_of(shop.nobody.get("/codecs/x"), 422) == "malformed"
