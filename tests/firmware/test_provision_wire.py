"""Provisioning's fixed vectors: words, labels and the layout of what is sealed."""

import random

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.wire import provision as wire

BOARD = bytes(range(32))
HOST = bytes(range(32, 64))
HEADEND = bytes(range(64, 96))
IDENTITY = b"\x02" + b"terminal" + bytes(range(32))
NUMBER = ("call", "number", b"5550100")


def test_words_and_sizes_are_the_documented_ones():
    assert (wire.ASK, wire.KEY, wire.SHOW_KEY, wire.SHORT_CODE) == (
        "provision",
        "provision-key",
        "provision-open",
        "provision-code",
    )
    assert (wire.ASK_CONSENT, wire.GIVE_CONSENT, wire.SET, wire.DONE) == (
        "provision-consent",
        "provision-replace",
        "provision-set",
        "provisioned",
    )
    assert wire.AUTHORITIES == ("first", "old", "consent")
    assert (wire.PUBLIC_KEY_BYTES, wire.HOST_RANDOM_BYTES, wire.IDENTITY_RECORD_BYTES) == (32, 32, 41)
    assert (wire.SEALING_KEY_BYTES, wire.SEALING_NONCE_BYTES, wire.SEALING_TAG_BYTES) == (16, 13, 16)


def test_the_transcript_covers_label_authority_all_keys_and_the_terminal_in_this_order():
    said = wire.transcript(bytearray(BOARD), memoryview(HOST), HEADEND, "old", b"terminal")
    assert said == b"ringcast provision 2" + b"\x01" + BOARD + HOST + HEADEND + b"terminal"
    said = wire.transcript(BOARD, HOST, None, "first", None)
    assert said == b"ringcast provision 2" + b"\x00" + BOARD + HOST + bytes(40)


def test_the_code_is_six_digits_of_the_first_four_octets():
    assert wire.code_of(HEX("00000000") + bytes(28)) == "000000"
    assert wire.code_of(HEX("000f4241") + bytes(28)) == "000001"
    assert wire.code_of(bytearray(b"\xff" * 32)) == "967295"


def test_a_head_end_is_named_by_how_its_key_begins():
    assert wire.print_of(HEADEND) == "4041424344454647"
    assert wire.print_of(None) == wire.print_of(b"") == "none"


def test_content_is_randomness_identity_records_and_zeros_to_a_multiple_of_sixteen():
    content = wire.pack_content(b"\xaa" * 32, IDENTITY, [NUMBER])
    assert isinstance(content, bytearray)  # to be wiped
    assert content == b"\xaa" * 32 + IDENTITY + b"\x04call\x06number\x075550100" + bytes(3)
    assert wire.pack_content(bytes(32), IDENTITY, []) == bytes(32) + IDENTITY + bytes(7)


def test_every_list_of_records_comes_back():
    random.seed(1)
    for size in range(100):
        records = [NUMBER, ("shop", "k%d" % size, bytes([random.getrandbits(8) for _ in range(size)]))]
        content = wire.pack_content(b"\xaa" * 32, IDENTITY, records)
        assert len(content) % 16 == 0
        host_random, identity, found = wire.split_content(content)
        assert (bytes(host_random), bytes(identity)) == (b"\xaa" * 32, IDENTITY)
        assert [(service, name, bytes(data)) for service, name, data in found] == records


def test_what_does_not_fit_a_console_line_is_refused():
    with raises(LocalError):
        wire.pack_content(bytes(32), IDENTITY, [("shop", "key", bytes(173))])
    longest = wire.pack_content(bytes(32), IDENTITY, [("shop", "key", bytes(172))])
    assert len(wire.pack_set(bytes(len(longest) + wire.SEALING_TAG_BYTES))) <= 600


def test_content_that_is_cut_short_or_names_what_is_not_the_head_ends_is_refused():
    whole = wire.pack_content(bytes(32), IDENTITY, [NUMBER])
    for size in range(len(whole) - 3):
        with raises(RemoteError):
            wire.split_content(whole[:size])
    for name in (
        b"\x08terminal\x04boot\x01\x00",
        b"\x02Ca\x01n\x00",
        b"\x04call\x00\x00",
        b"\x11" + b"a" * 17 + b"\x01n",
    ):
        with raises(RemoteError):
            wire.split_content(bytes(32) + IDENTITY + name + bytes(32))


def test_parts_are_views_so_that_wiping_the_content_wipes_them():
    content = wire.pack_content(b"\xaa" * 32, IDENTITY, [NUMBER])
    host_random, identity, records = wire.split_content(content)
    for at in range(len(content)):
        content[at] = 0
    assert bytes(host_random) == bytes(32) and bytes(identity) == bytes(41) and bytes(records[0][2]) == bytes(7)


def test_the_commands_that_bring_key_and_identity():
    assert wire.pack_open(b"\x01\x02", "old") == "provision-open 0102 old"
    assert wire.pack_set(bytearray(b"\xff\x00")) == "provision-set ff00"


def test_random_content_raises_only_remote_errors():
    rng = random.Random(5) if hasattr(random, "Random") else random
    for _ in range(400):
        content = bytes([rng.getrandbits(8) & (0x0F if i >= 73 else 0xFF) for i in range(rng.getrandbits(8))])
        try:
            wire.split_content(content)
        except RemoteError:
            pass
