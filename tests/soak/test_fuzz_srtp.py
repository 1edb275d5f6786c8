"""SRTP against packets that are damaged, repeated and invented: what comes out was put in, and comes out once."""

import random

import pytest
from settop.errors import LocalError, RemoteError
from settop.media.srtp import Session
from settop.media.srtp_suites import AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, NULL_HMAC_SHA1_80

SUITES = (AES_CM_128_HMAC_SHA1_80, NULL_HMAC_SHA1_80, AEAD_AES_128_GCM)


def damaged(rng, packet):
    data = bytearray(packet)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind < 2 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 2 and data:
            data[rng.randrange(min(12, len(data)))] = rng.choice((0, 0x7F, 0x80, 0x8F, 0x90, 0xFF))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif rng.randrange(4) == 0:
            data[:] = rng.randbytes(rng.randrange(80))
    return bytes(data)


@pytest.mark.parametrize("suite", SUITES)
def test_every_packet_that_comes_out_went_in_once(suite, cases):
    rng = random.Random(f"srtp {suite}")
    master = rng.randbytes(28 if suite == AEAD_AES_128_GCM else 30)
    there, back = Session(suite, master), Session(suite, master, max_streams=3)
    awaited: dict[bytes, bytes] = {}  # what was sent and has not come, by what it became
    sequences = {1: 0, 2: 40_000, 3: 65_500}
    taken = 0
    for number in cases(2_000):
        source = rng.choice((1, 1, 1, 2, 3))
        sequences[source] += rng.choice((1, 1, 1, 2, 40))
        clear = b"\x80\x21" + (sequences[source] & 0xFFFF).to_bytes(2, "big") + rng.randbytes(4)
        clear += source.to_bytes(4, "big") + rng.randbytes(rng.randrange(40))
        control = number % 3 == 0
        if control:
            clear = b"\x80\xc9\0\1" + source.to_bytes(4, "big") + rng.randbytes(4 * rng.randrange(5))
        buffer = bytearray(clear) + bytearray(32)
        work = there.protect_control if control else there.protect
        hidden = bytes(buffer[: work(buffer, len(clear))])
        awaited[hidden] = clear
        packets = [damaged(rng, hidden), hidden, hidden] if rng.randrange(2) else [hidden, damaged(rng, hidden)]
        for packet in packets:
            room = bytearray(packet) + b"behind"
            open_ = back.unprotect_control if control else back.unprotect
            try:
                size = open_(room, len(packet))
            except RemoteError:
                assert room == packet + b"behind"
                assert packet != hidden or hidden not in awaited
                continue
            except LocalError as error:
                raise AssertionError(f"case {number}: {packet.hex()} gave {error!r}") from error
            assert room[:size] == awaited.pop(packet) and room[-6:] == b"behind"
            taken += 1
    assert taken == number + 1 and not awaited
    assert len(back._streams) == 3
