"""The firmware's SRTP and libsrtp, packet for packet: the same octets, the same answer to everything that is wrong."""

import ctypes
import importlib
import random

import pytest
from settop.errors import LocalError, RemoteError
from settop.media.srtp import Session
from settop.media.srtp_suites import (
    AEAD_AES_128_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    NULL_HMAC_SHA1_80,
)

# Our numbers are those of the profiles, which libsrtp has too.
SUITES = (AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, NULL_HMAC_SHA1_80, AEAD_AES_128_GCM)
ROOM = 160
HERE = 0xCAFEBABE


@pytest.fixture
def libsrtp(need_module):
    return need_module("pylibsrtp")


def master_of(suite, seed=0):
    return random.Random(f"master {seed}").randbytes(28 if suite == AEAD_AES_128_GCM else 30)


class Theirs:
    """A session of libsrtp's for any source, whose calls give None where it refuses."""

    def __init__(self, libsrtp, suite, master, window=64):
        policy = libsrtp.Policy(key=master, ssrc_type=libsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=suite)
        policy.window_size = window
        self._session, self._error = libsrtp.Session(policy), libsrtp.Error

    def __getattr__(self, name):
        work = getattr(self._session, name)

        def call(packet):
            try:
                return work(bytes(packet))
            except self._error:
                return None

        return call


class Ours:
    """The firmware's with the same face."""

    NAMES = {"protect_rtcp": "protect_control", "unprotect_rtcp": "unprotect_control"}

    def __init__(self, suite, master, **other):
        self.session = Session(suite, master, **other)

    def __getattr__(self, name):
        work = getattr(self.session, self.NAMES.get(name, name))

        def call(packet):
            buffer = bytearray(packet) + bytearray(ROOM)
            try:
                return bytes(buffer[: work(buffer, len(packet))])
            except (LocalError, RemoteError):
                assert name[:2] == "pr" or buffer[: len(packet)] == packet
                return None

        return call


def rtp(rng, sequence, source=HERE):
    """With contributing sources and an extension, or without; of any size."""
    sources = rng.choice((0, 0, 0, 1, 15))
    extension = rng.choice((None, None, b"\xbe\xde\0\0", b"\xbe\xde\0\3" + rng.randbytes(12)))
    head = bytes((0x80 | (0x10 if extension else 0) | sources, rng.randrange(256)))
    head += (sequence & 0xFFFF).to_bytes(2, "big") + rng.randbytes(4) + source.to_bytes(4, "big")
    longest = 1200 if sources or extension else 1316
    payload = rng.randbytes(rng.choice((0, 1, 15, 16, 17, 188, longest, rng.randrange(longest))))
    return head + rng.randbytes(4 * sources) + (extension or b"") + payload


def rtcp(rng, source=HERE):
    return b"\x81\xc9\0\7" + source.to_bytes(4, "big") + rng.randbytes(4 * rng.randrange(60))


@pytest.mark.parametrize("suite", SUITES)
def test_every_packet_is_the_same_both_ways_over_several_cycles(libsrtp, suite):
    rng = random.Random(f"both ways {suite}")
    master = master_of(suite)
    here, there = Ours(suite, master), Theirs(libsrtp, suite, master)
    back, away = Ours(suite, master), Theirs(libsrtp, suite, master)
    sequence = 65_000
    for _ in range(600):
        packet = rtp(rng, sequence)
        hidden = here.protect(packet)
        assert hidden == there.protect(packet) and hidden is not None
        assert back.unprotect(hidden) == away.unprotect(hidden) == packet
        sequence += rng.choice((1, 1, 1, 2, 30, 3_000))
        packet = rtcp(rng)
        hidden = here.protect_rtcp(packet)
        assert hidden == there.protect_rtcp(packet) and hidden is not None
        assert back.unprotect_rtcp(hidden) == away.unprotect_rtcp(hidden) == packet
    assert sequence > 3 * 65_536


def walk(rng, sequence):
    """The next number of a line that loses, repeats, reorders, and leaps about the half of a cycle."""
    step = rng.choice(("on",) * 16 + ("late", "late", "edge", "edge", "leap", "leap", "half"))
    if step == "half":
        return sequence + rng.choice((0x7FFE, 0x7FFF, 0x8000, 0x8001, 0x8002)) * rng.choice((1, -1))
    return (
        sequence
        + {
            "on": 1,
            "late": -rng.randrange(70),
            "edge": -rng.choice((62, 63, 64, 65, 126, 127, 128, 129)),
            "leap": rng.randrange(1, 9_000),
        }[step]
    )


@pytest.mark.parametrize("window", [64, 128, 1024])
def test_a_sender_refuses_the_same_numbers(libsrtp, window, cases):
    rng = random.Random(f"sender {window}")
    master = master_of(AES_CM_128_HMAC_SHA1_80)
    sent = 0
    for number in cases(2_000):
        if number % 200 == 0:
            here = Ours(AES_CM_128_HMAC_SHA1_80, master, window=window)
            there = Theirs(libsrtp, AES_CM_128_HMAC_SHA1_80, master, window)
            sequence = rng.choice((0, 1, 32_767, 32_768, 32_769, 65_535, rng.randrange(65_536)))
        packet = rtp(rng, sequence)
        hidden = here.protect(packet)
        assert hidden == there.protect(packet), (number, sequence)
        sent += hidden is not None
        sequence = walk(rng, sequence)
    assert sent > 500


@pytest.mark.parametrize("window", [64, 128])
def test_a_receiver_takes_and_refuses_the_same_packets(libsrtp, window, cases):
    """Of one sender, whose packets come in any order, twice, forged, cut, and from the cycles before."""
    suite = AES_CM_128_HMAC_SHA1_80
    rng = random.Random(f"receiver {window}")
    master = master_of(suite)
    answers = {True: 0, False: 0}
    for number in cases(4_000):
        if number % 80 == 0:
            sender, kept = Ours(suite, master, window=1024), []
            back, away = Ours(suite, master, window=window), Theirs(libsrtp, suite, master, window)
            sequence = rng.choice((0, 32_767, 32_768, 65_400, rng.randrange(65_536)))
        sequence = max(walk(rng, sequence), sequence - 500)
        hidden = sender.protect(rtp(rng, sequence))
        if hidden is not None:
            kept.append(hidden)
        packet = rng.choice(kept[-80:]) if rng.randrange(3) else kept[-1]
        if rng.randrange(4) == 0:
            packet = damaged(rng, packet)
        clear = back.unprotect(packet)
        assert clear == away.unprotect(packet), (number, sequence, packet.hex())
        answers[clear is not None] += 1
    assert min(answers.values()) > 400, answers


def damaged(rng, packet):
    kind = rng.randrange(5)
    if kind == 0:
        return packet[: rng.randrange(len(packet))]
    if kind == 1:
        return packet[: -rng.choice((1, 4, 6, 9, 10, 16))]  # the tag, and parts of it
    if kind == 2:
        return packet + rng.randbytes(rng.choice((1, 4)))
    changed = bytearray(packet)
    at = rng.randrange(len(packet)) if kind == 3 else rng.choice((0, 2, 3, 8, 11, len(packet) - 1))
    changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("suite", SUITES)
def test_damaged_packets_get_the_same_answer_under_every_suite(libsrtp, suite, cases):
    rng = random.Random(f"damaged {suite}")
    master = master_of(suite)
    sender = Ours(suite, master)
    back, away = Ours(suite, master), Theirs(libsrtp, suite, master)
    for number in cases(1_500):
        hidden = sender.protect(rtp(rng, number))
        packet = damaged(rng, hidden)
        assert back.unprotect(packet) == away.unprotect(packet), packet.hex()
        assert back.unprotect(hidden) == away.unprotect(hidden)
        hidden = sender.protect_rtcp(rtcp(rng))
        packet = damaged(rng, hidden)
        assert back.unprotect_rtcp(packet) == away.unprotect_rtcp(packet), packet.hex()
        assert back.unprotect_rtcp(hidden) == away.unprotect_rtcp(hidden)


def test_control_packets_are_replayed_to_the_same_answer(libsrtp):
    """libsrtp remembers 128 of them, whatever the window of RTP."""
    suite = AES_CM_128_HMAC_SHA1_80
    rng = random.Random("control")
    master = master_of(suite)
    sender = Ours(suite, master)
    back, away = Ours(suite, master, window=128), Theirs(libsrtp, suite, master, 128)
    kept, taken = [], 0
    for _ in range(3_000):
        kept += [sender.protect_rtcp(rtcp(rng)) for _ in range(rng.choice((0, 1, 1, 1, 7, 60)))] or kept[-1:]
        if kept:
            packet = rng.choice(kept[-140:])
            clear = back.unprotect_rtcp(packet)
            assert clear == away.unprotect_rtcp(packet)
            taken += clear is not None
    assert 1_000 < taken < 2_990


def test_sources_that_both_ends_claim_are_treated_the_same(libsrtp, cases):
    """Of RTP. Of RTCP ours never gives an index twice, which libsrtp does not see to."""
    suite = AES_CM_128_HMAC_SHA1_80
    rng = random.Random("collision")
    master = master_of(suite)
    for number in cases(1_500):
        if number % 150 == 0:
            ours, theirs = Ours(suite, master), Theirs(libsrtp, suite, master)
            far = Ours(suite, master, window=1024)
        sequence, source = number % 150 * 3 + rng.randrange(-20, 20) + 100, rng.choice((1, 2, 0xFFFFFFFF))
        packet = rtp(rng, sequence, source)
        if rng.randrange(2):
            assert ours.protect(packet) == theirs.protect(packet)
        elif (hidden := far.protect(packet)) is not None:
            assert ours.unprotect(hidden) == theirs.unprotect(hidden)
        if number % 150 == 149:
            assert ours.session.collisions > 10


# --- identifiers of master keys, which the Python face of libsrtp leaves out ---------------------------------------


class MasterKey(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("mki", ctypes.c_char_p), ("mki_size", ctypes.c_uint)]


class WithIdentifiers:
    """libsrtp itself, with several master keys."""

    def __init__(self, libsrtp, suite, keys):
        binding = importlib.import_module("pylibsrtp._binding")
        self._library = ctypes.CDLL(binding.__file__)
        ffi = binding.ffi
        self._kept = [MasterKey(master, mki, len(mki)) for mki, master in keys]
        self._kept.append((ctypes.POINTER(MasterKey) * len(keys))(*map(ctypes.pointer, self._kept)))
        policy = libsrtp.Policy(ssrc_type=libsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=suite)
        octets = ffi.buffer(policy._policy)  # srtp_policy_t: keys and their number behind the one key
        at = dict(ffi.typeof("srtp_policy_t").fields)["key"].offset + ctypes.sizeof(ctypes.c_void_p)
        octets[at : at + 16] = bytes(ctypes.c_void_p(ctypes.addressof(self._kept[-1]))) + bytes(
            ctypes.c_size_t(len(keys))
        )
        self._context = ctypes.c_void_p()
        raw = ctypes.create_string_buffer(octets[:])
        assert self._library.srtp_create(ctypes.byref(self._context), raw) == 0

    def call(self, name, packet, index=0):
        buffer = ctypes.create_string_buffer(bytes(packet), len(packet) + ROOM)
        size = ctypes.c_int(len(packet))
        more = (1, index) if name.startswith("srtp_protect") else (1,)
        if getattr(self._library, name)(self._context, buffer, ctypes.byref(size), *more):
            return None
        return buffer.raw[: size.value]


@pytest.mark.parametrize("suite", [AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM])
def test_packets_under_several_master_keys_are_the_same_both_ways(libsrtp, suite):
    rng = random.Random(f"identifiers {suite}")
    keys = [(bytes((0, number, 9)), master_of(suite, number)) for number in range(3)]
    here, back = (Ours(suite, keys[0][1], mki=keys[0][0]) for _ in range(2))
    for mki, master in keys[1:]:
        here.session.add_key(master, mki)
        back.session.add_key(master, mki)
    there, away = (WithIdentifiers(libsrtp, suite, keys) for _ in range(2))
    for number in range(150):
        which = rng.randrange(3)
        here.session.use_key(keys[which][0])
        packet = rtp(rng, number)
        hidden = here.protect(packet)
        assert hidden == there.call("srtp_protect_mki", packet, which) is not None
        wrong = damaged(rng, hidden)
        assert back.unprotect(wrong) == away.call("srtp_unprotect_mki", wrong)
        assert back.unprotect(hidden) == away.call("srtp_unprotect_mki", hidden) == packet
        packet = rtcp(rng)
        hidden = here.protect_rtcp(packet)
        assert hidden == there.call("srtp_protect_rtcp_mki", packet, which) is not None
        wrong = damaged(rng, hidden)
        assert back.unprotect_rtcp(wrong) == away.call("srtp_unprotect_rtcp_mki", wrong)
        assert back.unprotect_rtcp(hidden) == away.call("srtp_unprotect_rtcp_mki", hidden) == packet
