"""RTP and RTCP against damaged and invented packets: a value or the error that is promised, within what came."""

import random

import pytest
from settop.errors import RemoteError
from settop.media.reception import Reception
from settop.wire import rtcp
from settop.wire.rtp import Packet, pad, write_header


def data_packets():
    buffer = bytearray(300)
    size = write_header(buffer, 33, 1, 2, 3, True)
    plain = bytes(buffer[: size + 188])
    size = write_header(buffer, 96, 65535, 0xFFFFFFFF, 0xFFFFFFFF, False, (1, 2, 3), (0xBEDE, bytes(12)))
    return plain, bytes(buffer[: pad(buffer, size + 50, 6)])


def control_packets():
    block = (7, 255, -1, 65536, 9, 1, 2)
    report = rtcp.pack_receiver(1, (block, block))
    return (
        rtcp.pack_sender(1, 2, 3, 4, 5, 6, (block,)) + rtcp.pack_description(1, b"somebody@somewhere"),
        report + rtcp.pack_next_unit(1, 7, 500, 99, 30_000),
        report + rtcp.pack_goodbye((1, 2), b"no more") + b"\xa0\xd2\0\2" + bytes(7) + b"\4",
    )


def invented(rng, samples):
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.choice((0, 1, 2, 0x1F, 0x7F, 0x80, 0x8F, 0xB0, 0xC8, 0xCA, 0xCC, 0xFF))
        elif kind == 1 and data:  # where most is decided
            at = rng.randrange(min(4, len(data)))
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(4 * rng.randrange(1, 3))
        elif kind == 4 and len(data) >= 4:  # lengths that fit again
            data[2:4] = (len(data) // 4 - 1).to_bytes(2, "big")
        elif rng.randrange(8) == 0:
            data[:] = rng.randbytes(rng.randrange(100))
    return bytes(data)


def read_data(data):
    packet = Packet()
    packet.read(data, len(data))
    assert 12 <= packet.extension_at <= packet.extension_end <= packet.payload_at <= packet.payload_end <= len(data)
    for number in range(packet.csrcs):
        packet.csrc(data, number)


def read_control(data):
    found = rtcp.unpack(data, len(data))
    assert len(found) <= rtcp.MAX_PACKETS and found[0][2] == 0
    for kind, count, at, end in found:
        assert at + rtcp.HEADER_BYTES <= end <= len(data)
        if kind == rtcp.SR:
            rtcp.sender(data, at, end)
        if kind in (rtcp.SR, rtcp.RR):
            assert len(rtcp.blocks(data, kind, count, at, end)) == count
        elif kind == rtcp.SDES:
            for _, items in rtcp.descriptions(data, count, at, end):
                assert len(items) <= rtcp.MAX_ITEMS
        elif kind == rtcp.BYE:
            rtcp.goodbye(data, count, at, end)
        elif kind == rtcp.APP:
            _, name, _ = rtcp.application(data, at, end)
            if name == rtcp.NADU_NAME:
                assert len(rtcp.next_units(data, at, end)) <= rtcp.MAX_COUNT


@pytest.mark.parametrize(
    ("parse", "samples"), [(read_data, data_packets()), (read_control, control_packets())], ids=["RTP", "RTCP"]
)
def test_whatever_comes_gives_a_value_or_the_error_that_is_promised(parse, samples, cases):
    for sample in samples:
        parse(sample)
    rng = random.Random(f"rtp {parse.__name__}")
    taken = 0
    for number in cases(2_000):
        data = invented(rng, samples)
        try:
            parse(data)
            taken += 1
        except RemoteError:
            pass
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error
    assert taken > 50  # some of it is read to its end


def test_any_order_of_sequence_numbers_keeps_the_counts_within_their_ranges(cases):
    rng = random.Random(3550)
    reception = Reception(1, 0)
    sequence = 0
    for number in cases(2_000):
        sequence = (sequence + rng.choice((1, 1, 1, 1, 0, -1, 2, 100, 2999, -99, 3001, rng.randrange(65536)))) & 0xFFFF
        reception.take(sequence)
        assert reception.extended >> 32 == 0
        if number % 10 == 0:
            reception.arrived(rng.randrange(1 << 32), rng.randrange(1 << 32))
            block = reception.report(number)
            found = rtcp.unpack(data := rtcp.pack_receiver(1, (block,)), 32)
            told = rtcp.blocks(data, *found[0])[0]
            assert told[1] == block[1] and told[3:] == block[3:]
