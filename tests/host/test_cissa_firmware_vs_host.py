"""What the head-end scrambles the firmware opens, bit for bit, and an independent model agrees with both."""

import random

import numpy as np
import pytest
from Crypto.Cipher import AES
from headend.ts.cissa import scramble_packets
from testbed.machines.cpython import use_shims

use_shims()

from settop.crypto.aes import aes_ecb  # noqa: E402
from settop.ts import packet as ts  # noqa: E402
from settop.ts.descrambler import Descrambler  # noqa: E402
from settop.ts.slots import Slots  # noqa: E402

from tests.vectors import cissa_vectors  # noqa: E402

PID = 0x100


def clear_packets(count: int, seed: int) -> bytes:
    """Random payloads behind no adaptation field, or one of every length 0..182 in turn."""
    rng = random.Random(seed)
    out = b""
    for number in range(count):
        length = None if number % 3 == 0 else number % 183
        head = bytes((0x47, PID >> 8, PID & 255, (0x10 if length is None else 0x30) | number & 15))
        field = b"" if length is None else bytes((length,)) + (b"\0" + b"\xff" * 182)[:length]
        out += head + field + rng.randbytes(184 - len(field))
    return out


def model(packet: bytes, key: bytes, parity: int) -> bytes:
    start = 5 + packet[4] if packet[3] & 0x20 else 4
    end = start + (188 - start) // 16 * 16
    cbc = AES.new(key, AES.MODE_CBC, b"DVBTMCPTAESCISSA")
    return (
        packet[:3]
        + bytes((packet[3] | 0x80 | parity << 6,))
        + packet[4:start]
        + cbc.encrypt(packet[start:end])
        + packet[end:]
    )


def firmware_opens(sent: bytes, key: bytes, pid: int = PID) -> bytes:
    table = bytearray(ts.PIDS)
    table[pid] = ts.PID_ES
    slots = Slots()
    descrambler = Descrambler(slots)
    cipher = aes_ecb(key)
    out = b""
    batch = 188 * slots.count
    for at in range(0, len(sent), batch):
        part = sent[at : at + batch]
        slots.source[ts.IN_OFFSET : ts.IN_OFFSET + len(part)] = part
        count = slots.sort(table, len(part) // 188, len(part))
        slot = 0
        while slot < count:
            slot = descrambler.open_run(slot, count, cipher)
        out += bytes(slots.output(slots.filled))
        slots.filled = 0
    return out


@pytest.mark.parametrize("parity", [0, 1])
def test_a_thousand_random_packets_are_equal_on_all_three(parity: int) -> None:
    clear = clear_packets(1000, seed=parity)
    key = random.Random(9).randbytes(16)
    packets = np.frombuffer(bytearray(clear), np.uint8).reshape(-1, 188)
    assert scramble_packets(packets, key, parity) == 1000
    sent = packets.tobytes()
    assert sent == b"".join(model(clear[at : at + 188], key, parity) for at in range(0, len(clear), 188))
    assert firmware_opens(sent, key) == clear
    assert firmware_opens(sent, bytes(16)) != clear


def test_the_standards_vectors_pass_from_one_to_the_other() -> None:
    for adaptation_octets, *_ in cissa_vectors.CASES:
        clear = cissa_vectors.packet(adaptation_octets)
        packets = np.frombuffer(bytearray(clear), np.uint8).reshape(-1, 188)
        assert scramble_packets(packets, cissa_vectors.KEY, 0) == 1
        pid = (clear[1] & 0x1F) << 8 | clear[2]
        assert firmware_opens(packets.tobytes(), cissa_vectors.KEY, pid) == clear
