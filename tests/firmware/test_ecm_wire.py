"""ECM section and CA descriptor, pinned octet by octet, and everything that must be refused."""

import small_stream as air
from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.wire.ecm import (
    SECTION_BYTES,
    Ecm,
    pack_ca_descriptor,
    pack_ecm,
    unpack_ca_descriptor,
    unpack_ca_offer,
    unpack_ecm,
)
from settop.wire.offer import Offer
from settop.wire.transport import pack_scrambling_descriptor

# programme 1, broadcast 0102..08, portion 5, 1,500 ms left; the CRC by the bitwise definition of small_stream.
PINNED = HEX("81 7019 01 00000001 0102030405060708 00000005 000005dc")


def test_section_is_as_pinned():
    section = pack_ecm(Ecm(1, bytes(range(1, 9)), 5, 1500))
    assert section == air.with_crc(PINNED)
    assert len(section) == SECTION_BYTES
    ecm = unpack_ecm(section)
    assert (ecm.programme_id, ecm.broadcast_id, ecm.portion, ecm.remaining_ms) == (1, bytes(range(1, 9)), 5, 1500)
    assert ecm.parity == 1


def test_every_number_survives_at_its_limits():
    for portion in (0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
        ecm = unpack_ecm(memoryview(pack_ecm(Ecm(0xFFFFFFFF, b"\xff" * 8, portion, portion))))
        assert (ecm.programme_id, ecm.portion, ecm.remaining_ms) == (0xFFFFFFFF, portion, portion)
        assert ecm.parity == portion & 1


def test_any_flipped_bit_is_refused():
    section = bytearray(pack_ecm(Ecm(1, bytes(8), 5, 1500)))
    for bit in range(8 * len(section)):
        section[bit >> 3] ^= 1 << (bit & 7)
        with raises(RemoteError):
            unpack_ecm(section)
        section[bit >> 3] ^= 1 << (bit & 7)


def test_another_length_version_table_or_parity_is_refused_even_with_a_right_crc():
    body = PINNED
    for at, value in ((0, 0x80), (0, 0x82), (0, 0x02), (1, 0xF0), (2, 0x18), (3, 2)):
        bad = bytearray(body)
        bad[at] = value
        with raises(RemoteError):
            unpack_ecm(air.with_crc(bytes(bad)))
    for section in (b"", air.with_crc(body[:-1]), air.with_crc(body + b"\0")):
        with raises(RemoteError):
            unpack_ecm(section)


def test_random_octets_raise_remote_error():
    rng = air.Rng(61)
    for _ in range(100):
        with raises(RemoteError):
            unpack_ecm(rng.octets(SECTION_BYTES))


def test_ca_descriptor_is_as_pinned():
    descriptor = pack_ca_descriptor(0x1FF0, 0x01020304)
    assert descriptor == HEX("09 09 fffe fff0 01 01020304")
    assert unpack_ca_descriptor(descriptor) == (0x1FF0, 0x01020304)
    assert pack_scrambling_descriptor() == HEX("65 01 10")


def test_descriptors_of_others_are_none_of_ours():
    good = HEX("09 09 fffe fff0 01 01020304")
    for at, value in ((0, 0x0A), (2, 0x0B), (3, 0xFF), (6, 2)):
        other = bytearray(good)
        other[at] = value
        assert unpack_ca_descriptor(other) is None
    assert unpack_ca_descriptor(good[:-1]) is None
    assert unpack_ca_descriptor(b"") is None


OFFER = HEX("09 1b fffe fff0 01 01020304 00000019 00000014 455552 06 65766e 696e67")


def prices(offer):
    return offer and (offer.price, offer.set_up, offer.currency, offer.tariff)


def test_descriptor_with_a_price_is_as_pinned():
    descriptor = pack_ca_descriptor(0x1FF0, 0x01020304, Offer(25, "EUR", "evning", 20))
    assert descriptor == OFFER
    assert unpack_ca_descriptor(descriptor) == (0x1FF0, 0x01020304)
    assert prices(unpack_ca_offer(descriptor)) == (25, 20, "EUR", "evning")
    assert unpack_ca_offer(pack_ca_descriptor(0x1FF0, 1)) is None


def test_prices_survive_at_their_limits():
    for offer in (Offer(0, "AAA", "x"), Offer(0xFFFFFFFF, "ZZZ", "20 characters ~ this", 0xFFFFFFFF)):
        found = unpack_ca_offer(memoryview(pack_ca_descriptor(1, 1, offer)))
        assert prices(found) == prices(offer)


def test_prices_beyond_the_limits_are_refused():
    for bad in (
        (-1, "EUR", "t"),
        (0x100000000, "EUR", "t"),
        (1, "EUR", "t", -1),
        (1, "EU", "t"),
        (1, "eur", "t"),
        (1, "EURO", "t"),
        (1, "EUR", ""),
        (1, "EUR", "t" * 21),
        (1, "EUR", " t"),
        (1, "EUR", "t\n"),
        (1, "EUR", "\u00e9"),
    ):
        with raises(LocalError):
            Offer(*bad)


def test_descriptor_stays_ours_whatever_price_it_has_and_a_bad_price_is_none():
    for at, value in ((19, 0x65), (22, 0), (22, 7), (22, 255), (23, 0x20), (28, 0x7F), (23, 10)):
        bad = bytearray(OFFER)
        bad[at] = value
        assert unpack_ca_descriptor(bad) == (0x1FF0, 0x01020304)
        assert unpack_ca_offer(bad) is None, (at, value)
    for size in range(11, len(OFFER)):
        short = OFFER[:1] + bytes((size - 2,)) + OFFER[2:size]
        assert unpack_ca_descriptor(short) == (0x1FF0, 0x01020304)
        assert unpack_ca_offer(short) is None
    longer = OFFER[:1] + bytes((OFFER[1] + 2,)) + OFFER[2:] + b"\x01\x02"
    assert prices(unpack_ca_offer(longer)) == (25, 20, "EUR", "evning")


def test_random_octets_behind_the_programme_id_raise_nothing():
    rng = air.Rng(62)
    for _ in range(200):
        more = rng.octets(rng.below(60))
        offer = unpack_ca_offer(OFFER[:1] + bytes((9 + len(more),)) + OFFER[2:11] + more)
        assert offer is None or 1 <= len(offer.tariff) <= 20
