"""SRTP and SRTCP: published packets, each suite there and back, and what is refused without a trace."""

from kit import HEX, raises
from settop.crypto.counter import CONTROL
from settop.errors import LocalError, RemoteError
from settop.media.srtp import Session
from settop.media.srtp_gcm import GcmKeys
from settop.media.srtp_suites import (
    AEAD_AES_128_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    NULL_HMAC_SHA1_80,
    SUITES,
    TDES_EDE3_HMAC_SHA1_80,
    key_bytes,
)
from srtp_vectors import (
    GCM_KEY,
    GCM_RTCP,
    GCM_RTP,
    GCM_SALT,
    GCM_SRTCP,
    GCM_SRTP,
    MASTER_KEY,
    MASTER_SALT,
    RTCP,
    RTP,
    SRTCP,
    SRTP,
)

MASTER = MASTER_KEY + MASTER_SALT
NUMBERS = [row[0] for row in SUITES]
FULL = HEX("b1a1fffe00000001cafebabe 00000007 bede00010a0b0c0d") + b"payload" * 30 + b"\0\2"


def master_of(number):
    return (MASTER + MASTER)[: key_bytes(number) + (12 if number == AEAD_AES_128_GCM else 14)]


def session(number, **other):
    return Session(number, master_of(number), **other)


def rtp(sequence, payload=b"payload", source=0xCAFEBABE):
    return HEX("8021") + sequence.to_bytes(2, "big") + HEX("00000001") + source.to_bytes(4, "big") + payload


def through(work, packet, room=160):
    """What an in-place function makes of the packet, which lies in a larger buffer."""
    buffer = bytearray(packet) + bytearray(room)
    size = work(buffer, len(packet))
    return bytes(buffer[:size])


def refused(work, packet):
    buffer = bytearray(packet) + bytearray(16)
    with raises(RemoteError):
        work(buffer, len(packet))
    assert buffer[: len(packet)] == packet


def test_libsrtps_packets_are_ours():
    assert through(session(AES_CM_128_HMAC_SHA1_80).protect, RTP) == SRTP
    assert through(session(AES_CM_128_HMAC_SHA1_80).protect_control, RTCP) == SRTCP
    assert through(session(AES_CM_128_HMAC_SHA1_80).unprotect, SRTP) == RTP
    assert through(session(AES_CM_128_HMAC_SHA1_80).unprotect_control, SRTCP) == RTCP


def test_triple_des_makes_what_other_cryptography_made():
    # As tests/host/test_srtp_tdes_judged.py works it out
    for name, clear, hidden in (
        (
            "protect",
            HEX("802112340000000acafebabe") + b"The qufck brown fox jump",
            "802112340000000acafebabe27b074fcd4073719aea789c9fcc4506ae97843911068531c318925a96b4f5d1772bd",
        ),
        (
            "protect_control",
            HEX("80c90001cafebabe") + b"brown fox",
            "80c90001cafebabea21635daeed90111a4800000019ca3d9f2e3a2916c5a0b",
        ),
    ):
        there = Session(TDES_EDE3_HMAC_SHA1_80, bytes(range(38)))
        assert through(getattr(there, name), clear) == HEX(hidden)


def test_the_packets_of_rfc_7714_are_ours():
    keys = GcmKeys(GCM_KEY, GCM_SALT, 0)
    control = GcmKeys(GCM_KEY, GCM_SALT, CONTROL)
    assert through(lambda b, n: keys.seal(b, 12, n, 0, 0xF17B, b""), GCM_RTP) == GCM_SRTP
    assert through(lambda b, n: control.seal_control(b, n, 0x800005D4, b""), GCM_RTCP) == GCM_SRTCP
    buffer = bytearray(GCM_SRTP)
    assert keys.open(buffer, 12, len(GCM_RTP), len(buffer), 0, 0xF17B)
    assert buffer[: len(GCM_RTP)] == GCM_RTP
    buffer = bytearray(GCM_SRTCP)
    assert control.open_control(buffer, len(buffer) - 4, len(buffer), 0x800005D4)
    assert buffer[: len(GCM_RTCP)] == GCM_RTCP
    keys.close()


def test_every_suite_goes_there_and_back_and_leaves_headers_in_the_clear():
    for number in NUMBERS:
        there, back = session(number), session(number)
        for packet in (FULL, rtp(0xFFFF, b""), rtp(0, b"x"), rtp(1, bytes(range(256)) * 5 + bytes(36)), rtp(5)):
            hidden = through(there.protect, packet)
            assert len(hidden) == len(packet) + there.overhead
            assert hidden[: 24 if packet is FULL else 12] == packet[: 24 if packet is FULL else 12]
            if len(packet) > 30:
                assert (packet[24:] in hidden) == (number == NULL_HMAC_SHA1_80)
            assert through(back.unprotect, hidden, 0) == packet
        for count in range(3):
            packet = RTCP + bytes(20 * count)
            hidden = through(there.protect_control, packet)
            assert len(hidden) == len(packet) + there.control_overhead
            assert through(back.unprotect_control, hidden, 0) == packet
        assert (back.forged, back.replayed, back.collisions) == (0, 0, 0)


def test_the_short_tag_is_for_rtp_only():
    short = session(AES_CM_128_HMAC_SHA1_32)
    assert (short.overhead, short.control_overhead) == (4, 14)


def test_any_octet_changed_is_refused_and_the_packet_left_as_it_came():
    for number in NUMBERS:
        there, back = session(number), session(number)
        hidden = through(there.protect, FULL)
        control = through(there.protect_control, RTCP)
        for at in range(len(hidden)):
            if at < 24 or at % 16 == 0 or at > len(hidden) - 17:
                changed = bytearray(hidden)
                changed[at] ^= 1 << (at & 7)
                refused(back.unprotect, bytes(changed))
        for at in range(len(control)):
            changed = bytearray(control)
            changed[at] ^= 0x80
            refused(back.unprotect_control, bytes(changed))
        assert back.forged > 30 and back.replayed == 0
        assert through(back.unprotect, hidden) == FULL  # nothing of it has left a mark
        assert through(back.unprotect_control, control) == RTCP


def test_packets_cut_anywhere_are_refused():
    for number in NUMBERS:
        there, back = session(number), session(number)
        hidden = through(there.protect, rtp(9))
        control = through(there.protect_control, RTCP)
        for size in range(len(hidden)):
            refused(back.unprotect, hidden[:size])
        for size in range(len(control)):
            refused(back.unprotect_control, control[:size])
        assert through(back.unprotect, hidden) == rtp(9)


def test_what_control_packets_say_of_their_encryption_must_be_as_agreed():
    clear = through(session(NULL_HMAC_SHA1_80).protect_control, RTCP)
    assert clear[len(RTCP) : len(RTCP) + 4] == HEX("00000001")
    refused(session(AES_CM_128_HMAC_SHA1_80).unprotect_control, clear)
    refused(session(NULL_HMAC_SHA1_80).unprotect_control, SRTCP)


def test_master_keys_are_told_apart_by_their_identifier():
    for number in NUMBERS:
        master = master_of(number)
        other = bytes([octet ^ 0xFF for octet in master])
        there = Session(number, master, b"\0\1")
        there.add_key(other, b"\0\2")
        back = Session(number, other, b"\0\2")
        back.add_key(master, b"\0\1")
        tag = there.overhead - 2
        first = through(there.protect, rtp(1))
        control = through(there.protect_control, RTCP)
        there.use_key(b"\0\2")
        second = through(there.protect, rtp(2))
        at = len(rtp(1)) + (tag if number == AEAD_AES_128_GCM else 0)
        assert (first[at : at + 2], second[at : at + 2]) == (b"\0\1", b"\0\2")
        assert through(back.unprotect, second) == rtp(2)
        assert through(back.unprotect, first) == rtp(1)
        assert through(back.unprotect_control, control) == RTCP
        foreign = Session(number, master, b"\0\3")
        refused(back.unprotect, through(foreign.protect, rtp(3)))
        refused(back.unprotect_control, through(foreign.protect_control, RTCP))
        assert back.forged == 0
        with raises(LocalError):
            there.use_key(b"\0\3")
        for name in (b"\0\2", b"\3"):
            with raises(LocalError):
                there.add_key(master, name)


def test_nothing_passes_a_session_that_is_closed():
    for number in NUMBERS:
        closed = session(number)
        hidden = through(closed.protect, rtp(1))
        keys = closed._keys[0][1:]
        closed.close()
        closed.close()
        for work in (closed.protect, closed.unprotect, closed.protect_control, closed.unprotect_control):
            with raises(LocalError):
                through(work, hidden)
        for kept in keys:
            if kept._mode is not None:
                assert not any(kept._mode._work)
                if number == TDES_EDE3_HMAC_SHA1_80:
                    assert not any(kept._mode._master) and not kept._mode._ciphers
                else:
                    assert kept._mode._cipher is None
            if hasattr(kept, "_hmac"):
                assert not any(kept._hmac._inner)


def test_what_cannot_be_is_a_local_error():
    for arguments in (
        (3, MASTER),
        (AES_CM_128_HMAC_SHA1_80, MASTER[:-1]),
        (AEAD_AES_128_GCM, MASTER),
        (AES_CM_128_HMAC_SHA1_80, MASTER, bytes(129)),
        (AES_CM_128_HMAC_SHA1_80, MASTER, b"", 32),
        (AES_CM_128_HMAC_SHA1_80, MASTER, b"", 96),
        (AES_CM_128_HMAC_SHA1_80, MASTER, b"", 65536),
    ):
        with raises(LocalError):
            Session(*arguments)
    there = session(AES_CM_128_HMAC_SHA1_80)
    for work, packet in ((there.protect, rtp(1)), (there.protect_control, RTCP)):
        with raises(LocalError):
            through(work, packet, 9)
    with raises(LocalError):
        through(there.protect_control, RTCP[:7])
    with raises(RemoteError):
        through(there.protect, rtp(1)[:11])
