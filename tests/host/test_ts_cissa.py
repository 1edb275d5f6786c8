"""Bulk DVB-CISSA against the standard's vectors and a model of a few lines."""

import numpy as np
import pytest
from Crypto.Cipher import AES
from headend.ts.cissa import descramble_packets, scramble_packets
from headend.ts.keys import control_word
from settop.errors import LocalError
from settop.wire.transport import CISSA_IV

from tests.vectors import cissa_vectors


def as_packets(data: bytes) -> np.ndarray:
    return np.frombuffer(bytearray(data), np.uint8).reshape(-1, 188)


def model(packet: bytes, key: bytes, parity: int) -> bytes:
    """One packet, one CBC object, straight from the standard."""
    control = packet[3] >> 4 & 3
    start = {0: 188, 1: 4, 2: 188, 3: min(5 + packet[4], 188)}[control]
    if start == 188:
        return packet
    end = 188 - (188 - start) % 16
    body = AES.new(key, AES.MODE_CBC, CISSA_IV).encrypt(packet[start:end])
    return packet[:3] + bytes((packet[3] & 0x3F | 0x80 | parity << 6,)) + packet[4:start] + body + packet[end:]


def every_adaptation_length(count: int) -> bytes:
    rng = np.random.default_rng(7)
    packets = rng.integers(0, 256, (count, 188), np.uint8)
    packets[:, 0] = 0x47
    packets[:, 3] &= 0x3F
    packets[:, 3] |= 0x10
    packets[:, 4] = np.arange(count) % 256
    packets[: count // 4, 3] &= 0xDF  # a quarter without adaptation field
    packets[-8:, 3] &= 0xEF  # and a few without payload
    return packets.tobytes()


@pytest.mark.parametrize("case", cissa_vectors.CASES)
def test_annex_b_vectors(case):
    adaptation_bytes, first, last, residue = case
    packets = as_packets(cissa_vectors.packet(adaptation_bytes))
    assert scramble_packets(packets, cissa_vectors.KEY, 0) == 1
    out = packets.tobytes()
    start = 4 + adaptation_bytes
    assert out[:3] == cissa_vectors.SCRAMBLED_HEADER[:3]
    assert out[3] & 0xC0 == 0x80
    assert out[start : start + 16] == first
    assert out[188 - len(residue) - 16 : 188 - len(residue)] == last
    assert out[188 - len(residue) :] == residue
    descramble_packets(packets, cissa_vectors.KEY)
    assert packets.tobytes() == cissa_vectors.packet(adaptation_bytes)


def test_iv_is_the_standards():
    assert cissa_vectors.IV == CISSA_IV


@pytest.mark.parametrize("parity", [0, 1])
def test_random_packets_of_every_adaptation_length_equal_the_model(parity):
    clear = every_adaptation_length(1024)
    key = bytes(range(16))
    packets = as_packets(clear)
    count = scramble_packets(packets, key, parity)
    expected = [model(clear[at : at + 188], key, parity) for at in range(0, len(clear), 188)]
    assert packets.tobytes() == b"".join(expected)
    assert count == sum(packet[3] >= 0x80 for packet in expected)
    assert descramble_packets(packets, key) == count
    assert packets.tobytes() == clear


def test_only_selected_packets_change():
    clear = every_adaptation_length(512)
    packets = as_packets(clear)
    selected = np.arange(512) % 3 == 0
    scramble_packets(packets, bytes(16), 1, selected)
    before = as_packets(clear)
    assert np.array_equal(packets[~selected], before[~selected])
    for row in np.flatnonzero(selected):
        assert packets[row].tobytes() == model(before[row].tobytes(), bytes(16), 1)


def test_payload_under_one_block_stays_but_is_marked():
    packet = b"\x47\x01\x00\x30" + bytes((170,)) + bytes(183)
    packets = as_packets(packet)
    assert scramble_packets(packets, bytes(16), 0) == 1
    assert packets.tobytes() == packet[:3] + b"\xb0" + packet[4:]


def test_no_packets_are_no_work():
    assert scramble_packets(as_packets(b""), bytes(16), 0) == 0


@pytest.mark.parametrize("adapted_share", [0.0, 0.1, 0.45, 0.9])
def test_bulk_equals_the_model_over_several_tiles_with_some_left_out(adapted_share, monkeypatch):
    monkeypatch.setattr("headend.ts.cissa._TILE_PACKETS", 100)
    rng = np.random.default_rng(3)
    packets = rng.integers(0, 256, (550, 188), np.uint8)
    packets[:, 0] = 0x47
    packets[:, 3] = np.where(rng.random(550) < adapted_share, 0x30, 0x10)
    selected = rng.random(550) < 0.95
    selected[100:200] = False
    clear, key = packets.tobytes(), bytes(range(16))
    rows = [clear[at : at + 188] for at in range(0, len(clear), 188)]
    expected = [model(row, key, 1) if chosen else row for row, chosen in zip(rows, selected, strict=True)]
    scramble_packets(packets, key, 1, selected)
    assert packets.tobytes() == b"".join(expected)
    descramble_packets(packets, key, selected)
    assert packets.tobytes() == clear


@pytest.mark.parametrize(("key", "parity"), [(bytes(15), 0), (bytes(16), 2)])
def test_wrong_key_length_or_parity_is_our_own_mistake(key, parity):
    with pytest.raises(LocalError):
        scramble_packets(as_packets(bytes(188)), key, parity)


def test_control_word_is_hkdf_sha256():
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    secret, broadcast = bytes(range(32)), b"broadcst"
    info = b"ringcast cw 1" + (7).to_bytes(4, "big") + (9).to_bytes(4, "big")
    assert control_word(secret, 7, broadcast, 9) == HKDF(secret, 16, broadcast, SHA256, context=info)


def test_control_words_differ_by_portion_programme_broadcast_and_secret():
    words = {
        control_word(secret, programme, broadcast, portion)
        for secret in (bytes(16), bytes(15) + b"\1")
        for programme in (1, 2)
        for broadcast in (b"12345678", b"12345679")
        for portion in range(20)
    }
    assert len(words) == 160


@pytest.mark.parametrize(
    ("secret", "programme", "broadcast", "portion"),
    [
        (bytes(15), 1, bytes(8), 0),
        (bytes(16), 1, bytes(7), 0),
        (bytes(16), 1 << 32, bytes(8), 0),
        (bytes(16), 1, bytes(8), -1),
    ],
)
def test_control_word_refuses_what_is_out_of_range(secret, programme, broadcast, portion):
    with pytest.raises(LocalError):
        control_word(secret, programme, broadcast, portion)
