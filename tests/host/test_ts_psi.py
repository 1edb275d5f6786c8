"""Sections out of packets and back, PAT and PMT, and damage in all of them."""

import random

import pytest
from headend.ts.signal.psi import (
    Packetiser,
    Pat,
    Pmt,
    SectionAssembler,
    Stream,
    build_pat,
    build_pmt,
    crc32_mpeg2,
    descriptors_of,
    parse_pat,
    parse_pmt,
)
from headend.ts.signal.signalling import announcing, ca_pid_of, withdrawing
from settop.errors import RemoteError
from settop.wire import crc
from settop.wire.ecm import pack_ca_descriptor
from settop.wire.transport import pack_scrambling_descriptor

from tests.helpers.rewriting import rewritten

PMT = Pmt(1, 3, True, 0x100, b"\x05\x04TEST", (Stream(0x1B, 0x100), Stream(0x0F, 0x101, b"\x0a\x04eng\x00")))


def pmt_of_length(section_length: int) -> Pmt:
    """A PMT whose section_length is exactly that: stuffed with private descriptors."""
    left = section_length - (len(build_pmt(Pmt(1, 0, True, 0x100, b"", (Stream(0x1B, 0x100),)))) - 3)
    descriptors = b""
    while left:
        size = min(left - 2, 200) if left - 2 - min(left - 2, 200) != 1 else 199
        descriptors += bytes((0x80, size)) + bytes(size)
        left -= size + 2
    return Pmt(1, 0, True, 0x100, descriptors, (Stream(0x1B, 0x100),))


def rewrite(packets, edit):
    return rewritten(packets, edit)[0]


def sections_of(packets):
    assembler = SectionAssembler()
    found = [section for packet in packets for section in assembler.feed(packet)]
    return found, assembler.damaged


def test_crc_equals_the_firmwares():
    data = random.Random(1).randbytes(300)
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7
    assert crc32_mpeg2(data) == crc.crc32_mpeg2(data)


def test_pat_and_pmt_come_back_as_built():
    pat = Pat(7, 31, True, {1: 0x1000, 65535: 0x1FFE})
    assert parse_pat(build_pat(pat)) == pat
    assert parse_pmt(build_pmt(PMT)) == PMT


@pytest.mark.parametrize("sizes", [[20], [180, 180, 180], [1021, 15, 900], [181, 182, 183, 184], [30] * 12])
def test_sections_survive_packets_of_any_layout(sizes):
    sections = [build_pmt(pmt_of_length(max(size, 20))) for size in sizes]
    packetiser = Packetiser(0x1000, cc=14)
    packets = packetiser.packets(*sections) + packetiser.packets(*sections)
    assert sections_of(packets) == (sections * 2, 0)
    assert [packet[3] & 15 for packet in packets] == [(14 + row) % 16 for row in range(len(packets))]


def test_lost_packet_and_wrong_crc_are_refused_and_counted():
    section = build_pmt(pmt_of_length(600))
    packets = Packetiser(0x1000).packets(section)
    found, damaged = sections_of([packets[0], *packets[2:], *Packetiser(0x1000).packets(section)])
    assert (found, damaged) == ([section], 1)
    broken = bytearray(packets[1])
    broken[50] ^= 1
    assert sections_of([packets[0], bytes(broken), *packets[2:]]) == ([], 1)


def test_duplicate_packet_is_read_once():
    packets = Packetiser(0x1000).packets(build_pmt(pmt_of_length(400)))
    assert len(sections_of([packets[0], packets[1], packets[1], packets[2]])[0]) == 1


def test_random_packets_never_raise():
    rng = random.Random(3)
    assembler = SectionAssembler()
    for _ in range(3000):
        assembler.feed(b"\x47" + bytes((rng.choice((0x40, 0)), 0, rng.randrange(256))) + rng.randbytes(184))
    assert assembler.damaged > 0


def test_random_tables_are_refused_with_remote_error_only():
    rng = random.Random(4)
    refused = 0
    for _ in range(3000):
        body = bytearray(build_pmt(PMT)[:-4])
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(3, len(body))] = rng.randrange(256)
        section = bytes(body) + crc32_mpeg2(bytes(body)).to_bytes(4, "big")
        try:
            pmt = parse_pmt(section)
            assert sum(map(len, descriptors_of(pmt.descriptors))) <= len(pmt.descriptors)
        except RemoteError:
            refused += 1
    assert 0 < refused < 3000


def test_pmt_over_1021_bytes_is_refused():
    assert len(build_pmt(pmt_of_length(1021))) == 1024
    with pytest.raises(RemoteError, match="1021"):
        build_pmt(pmt_of_length(1022))


def test_announcing_adds_descriptors_and_version_and_withdrawing_restores():
    before = build_pmt(PMT)
    after = announcing([1], 0x1FF0, 9)(before)
    pmt = parse_pmt(after)
    assert pmt.version == 4
    assert pmt.descriptors == pack_ca_descriptor(0x1FF0, 9) + pack_scrambling_descriptor() + PMT.descriptors
    assert ca_pid_of(pmt) == 0x1FF0
    assert withdrawing()(after) == before


def test_version_wraps_at_31():
    before = build_pmt(Pmt(1, 31, True, 0x100, b"", ()))
    after = announcing([1], 0x1FF0, 9)(before)
    assert parse_pmt(after).version == 0
    assert withdrawing()(after) == before


def test_descriptors_of_another_ca_system_stay():
    foreign = b"\x09\x04\x01\x00\xe1\x23" + pack_scrambling_descriptor()
    before = build_pmt(Pmt(1, 0, True, 0x100, foreign, ()))
    assert withdrawing()(before) == before
    assert withdrawing()(announcing([1], 0x1FF0, 9)(before)) == before


@pytest.mark.parametrize("length", [20, 150, 165, 166, 167, 168, 169, 170, 175, 180, 350, 352, 366, 1007])
def test_pmt_growing_over_a_packet_border_keeps_counters_and_comes_back(length):
    section = build_pmt(pmt_of_length(length))
    packetiser = Packetiser(0x1000, cc=5)
    packets = [packet for _ in range(4) for packet in packetiser.packets(section)]
    grown = rewrite(packets, announcing([1], 0x1FF0, 1))
    found, damaged = sections_of(grown)
    assert (len(found), damaged) == (4, 0)
    assert all(ca_pid_of(parse_pmt(one)) == 0x1FF0 for one in found)
    assert [packet[3] & 15 for packet in grown] == [(5 + row) % 16 for row in range(len(grown))]
    needed = -(-(len(section) + 14 + 1) // 184)
    assert len(grown) == 4 * needed
    assert rewrite(grown, withdrawing()) == packets


def test_damaged_pmt_passes_unchanged_and_the_next_is_still_rewritten():
    packets = Packetiser(0x1000).packets(build_pmt(PMT))
    broken = bytearray(packets[0])
    broken[30] ^= 1
    out = rewrite([bytes(broken), packets[0]], announcing([1], 0x1FF0, 1))
    assert out[0] == bytes(broken)
    assert len(sections_of([out[1]])[0][0]) == len(build_pmt(PMT)) + 14


def test_adaptation_field_of_a_pmt_packet_stays():
    section = build_pmt(PMT)
    packet = b"\x47\x50\x00\x33" + b"\x14\x00" + b"\xff" * 19 + (b"\x00" + section).ljust(163, b"\xff")
    grown = rewrite([packet], announcing([1], 0x1FF0, 1))
    assert grown[0][:25] == packet[:25]
    assert rewrite(grown, withdrawing()) == [packet]
