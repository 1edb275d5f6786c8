"""docs/protocols/srtp.md tells the truth: its tables are the code's, its octets come out anew by other cryptography."""

import hmac
import re
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from settop.media import reception, srtp, srtp_stream, srtp_suites
from settop.wire import rtcp, rtp

PAGE = (Path(__file__).parents[2] / "docs/protocols/srtp.md").read_text(encoding="utf-8")
TOLD = {
    name: bytes.fromhex(text) for name, text in re.findall(r"^(\w+): ([0-9a-f]+)$", PAGE.split("```text\n")[-1], re.M)
}


def rows(*head):
    table = PAGE.split("| " + " | ".join(head) + " |\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def stream(key, block, size):
    """AES in counter mode from that block on."""
    ecb = AES.new(key, AES.MODE_ECB)
    first = int.from_bytes(block, "big")
    return b"".join(ecb.encrypt((first + number).to_bytes(16, "big")) for number in range(size // 16 + 1))[:size]


def session_keys(label):
    """RFC 3711, 4.3: cipher key, authentication key, salt."""
    key, salt = TOLD["master"][:16], int.from_bytes(TOLD["master"][16:], "big")
    return [
        stream(key, ((salt ^ (label + kind) << 48) << 16).to_bytes(16, "big"), size)
        for kind, size in ((0, 16), (1, 20), (2, 14))
    ]


def hidden(keys, source, index, octets):
    """RFC 3711, 4.1.1."""
    block = int.from_bytes(keys[2], "big") << 16 ^ int.from_bytes(source, "big") << 64 ^ index << 16
    made = stream(keys[0], block.to_bytes(16, "big"), len(octets))
    return bytes(a ^ b for a, b in zip(octets, made, strict=True))


def test_worked_out_from_the_rfc_it_comes_to_the_same():
    keys, packet = session_keys(0), TOLD["RTP"]
    made = packet[:12] + hidden(keys, packet[8:12], 0x1234, packet[12:])
    assert made + hmac.digest(keys[1], made + bytes(4), "sha1")[:10] == TOLD["SRTP"]
    keys, packet = session_keys(3), TOLD["RTCP"]
    made = packet[:8] + hidden(keys, packet[4:8], 1, packet[8:]) + bytes.fromhex("80000001")
    assert made + hmac.digest(keys[1], made, "sha1")[:10] == TOLD["SRTCP"]


def test_the_code_makes_and_takes_the_pages_packets():
    there = srtp.Session(srtp_suites.AES_CM_128_HMAC_SHA1_80, TOLD["master"])
    back = srtp.Session(srtp_suites.AES_CM_128_HMAC_SHA1_80, TOLD["master"])
    for clear, made, protect, unprotect in (
        ("RTP", "SRTP", there.protect, back.unprotect),
        ("RTCP", "SRTCP", there.protect_control, back.unprotect_control),
    ):
        buffer = bytearray(TOLD[clear] + bytes(20))
        assert buffer[: protect(buffer, len(TOLD[clear]))] == TOLD[made]
        buffer = bytearray(TOLD[made])
        assert buffer[: unprotect(buffer, len(buffer))] == TOLD[clear]


def test_the_suites_are_the_codes():
    told = [
        (int(number, 16), name, int(salt), int(tag), int(control))
        for number, name, salt, tag, control in rows("number", "suite", "salt", "tag of RTP", "tag of RTCP")
    ]
    assert told == list(srtp_suites.SUITES)
    for number, name, *_ in told:
        assert getattr(srtp_suites, name) == number


def test_types_and_constants_are_the_codes():
    for number, _, name in rows("type", "payload", "name"):
        assert getattr(rtp, name) == int(number)
    for number, name, *_ in rows("type", "name", "read", "written"):
        assert getattr(rtcp, name) == int(number)
    for name, value in rows("constant", "value"):
        assert getattr(reception, name) == int(value)


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("At most {} packets in one", (rtcp.MAX_PACKETS,)),
        ("{} parts in each, {} items of a source", (rtcp.MAX_COUNT, rtcp.MAX_ITEMS)),
        ("A window of {} packets, or any power of two up to 32,768", (srtp.WINDOW,)),
        ("for several sources, {} of them if nobody says otherwise", (srtp.MAX_STREAMS,)),
        ("up to {} octets. With HMAC-SHA1", (srtp.MAX_MKI_BYTES,)),
        ("One beyond {:,}, or a roll-over counter beyond {:,}", (srtp.MAX_CONTROL_INDEX, srtp_stream.MAX_CYCLES)),
        ("free room in units of {} octets, {:,} at most", (rtcp.FREE_UNIT_BYTES, 65_535 * rtcp.FREE_UNIT_BYTES)),
    ],
)
def test_the_numbers_in_its_sentences_are_the_codes(said, numbers):
    assert said.format(*numbers) in PAGE.replace("\n  ", " ").replace("\n", " ")
