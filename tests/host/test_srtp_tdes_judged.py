"""Triple DES in SRTP, worked out by other cryptography from what docs/protocols/srtp.md says of it."""

import hmac
import random
from pathlib import Path

import pytest
from Crypto.Cipher import DES3
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from headend.media.protection import Des3
from settop.media import srtp_tdes
from settop.media.srtp import Session
from settop.media.srtp_suites import TDES_EDE3_HMAC_SHA1_80
from testbed.machines.cpython import use_shims

use_shims()
MASTER = random.Random(3).randbytes(38)
SOURCE = bytes.fromhex("cafebabe")


def derived(label, part, size):
    info = b"ringcast srtp tdes" + bytes((label,)) + part.to_bytes(6, "big")
    return HKDF(MASTER[:24], size, MASTER[24:], SHA256, context=info)


def hidden(label, index, octets):
    block = int.from_bytes(derived(label + 2, 0, 14), "big") << 16
    block ^= int.from_bytes(SOURCE, "big") << 64 ^ index << 16
    key = derived(label, index // 4096, 24)
    mac = DES3.new(key, DES3.MODE_CBC, iv=bytes(8)).encrypt(block.to_bytes(16, "big"))[8:]
    return DES3.new(key, DES3.MODE_OFB, iv=mac).encrypt(octets)


def protect(work, packet):
    buffer = bytearray(packet) + bytearray(40)
    return bytes(buffer[: work(buffer, len(packet))])


@pytest.mark.parametrize("cipher", [None, Des3], ids=["firmware", "head-end"])
def test_packets_are_what_the_page_says(cipher):
    session = Session(TDES_EDE3_HMAC_SHA1_80, MASTER, tdes=cipher)
    cycles = 0
    before = None
    for sequence in (4_094, 4_095, 4_096, 40_000, 65_535, 1, 4_097):  # over parts and a cycle
        cycles += before is not None and sequence < before
        before = sequence
        head = b"\x80\x21" + sequence.to_bytes(2, "big") + bytes(4) + SOURCE
        clear = bytes(range(251)) * 5 + bytes(sequence % 60)
        made = head + hidden(0, cycles << 16 | sequence, clear)
        tag = hmac.digest(derived(1, 0, 20), made + cycles.to_bytes(4, "big"), "sha1")[:10]
        assert protect(session.protect, head + clear) == made + tag, sequence
    report = b"\x81\xc8\0\x0b" + SOURCE
    clear = bytes(range(40))
    made = report + hidden(3, 1, clear) + bytes.fromhex("80000001")
    tag = hmac.digest(derived(4, 0, 20), made, "sha1")[:10]
    assert protect(session.protect_control, report + clear) == made + tag


def test_a_late_packet_of_the_part_before_is_opened():
    there, back = (Session(TDES_EDE3_HMAC_SHA1_80, MASTER, tdes=Des3) for _ in range(2))
    packets = {}
    for sequence in range(4_090, 4_102):
        head = b"\x80\x21" + sequence.to_bytes(2, "big") + bytes(4) + SOURCE
        packets[sequence] = protect(there.protect, head + b"payload"), head + b"payload"
    for sequence in (4_090, 4_097, 4_091, 4_098, 4_095, 4_101):
        buffer = bytearray(packets[sequence][0])
        assert buffer[: back.unprotect(buffer, len(buffer))] == packets[sequence][1]


def test_no_key_serves_more_blocks_than_the_standard_allows():
    of_a_packet = 2 + -(-1_316 // 8)
    assert of_a_packet << srtp_tdes.PART_BITS < 1 << 20


def test_the_page_has_the_part():
    page = (Path(__file__).parents[2] / "docs/protocols/srtp.md").read_text(encoding="utf-8")
    assert f"index / {1 << srtp_tdes.PART_BITS:,}" in page and srtp_tdes._INFO.decode() in page
