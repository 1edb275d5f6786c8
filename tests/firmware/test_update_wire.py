"""The head of a signed module: one form, and one answer to all others."""

from kit import raises
from settop.errors import LocalError, RemoteError
from settop.updates.intake import HEAD, MODULE, MORE, Intake
from settop.wire import update as wire
from update_vectors import BEEP_1, BEEP_2, TICK_1


def head(**changes):
    fields = {"kind": 1, "name": "beep", "codec": "beep", "board": "", "version": 1}
    fields.update(changes)
    order = [fields[name] for name in ("kind", "name", "codec", "board", "version")]
    return wire.Head(*order, changes.get("mpy", wire.SOURCE), changes.get("length", 9), bytes(32))


def refused(data):
    with raises(RemoteError) as caught:
        wire.unpack_head(data)
    assert str(caught.value) == wire.REFUSED


def test_a_head_says_what_it_was_packed_of():
    found = wire.unpack_head(BEEP_2[: wire.HEAD_BYTES])
    assert (found.kind, found.name, found.codec, found.board, found.version) == (wire.CODEC, "beep", "beep", "test", 2)
    assert found.mpy == wire.SOURCE and found.length == len(BEEP_2) - wire.HEAD_BYTES - wire.SIGNATURE_BYTES
    assert wire.pack_head(found) == BEEP_2[: wire.HEAD_BYTES]
    found = wire.unpack_head(TICK_1[: wire.HEAD_BYTES])
    assert (found.kind, found.name, found.codec, found.board) == (wire.SERVICE, "tick", "", "")


def test_what_no_terminal_takes_is_not_packed():
    long = "x" * 17
    for changes in (
        {"kind": 0},
        {"kind": 3},
        {"name": ""},
        {"name": long},
        {"name": "1st"},
        {"name": "a-b"},
        {"name": "../x"},
        {"codec": ""},
        {"codec": long},
        {"codec": "MP3"},
        {"kind": 2},
        {"board": "b" * 13},
        {"board": "b\x00"},
        {"codec": "b c"},
        {"version": 0},
        {"version": 1 << 32},
        {"length": 0},
        {"length": wire.MAX_MODULE_BYTES + 1},
    ):
        with raises(LocalError):
            wire.pack_head(head(**changes))
    wire.pack_head(head(name="a_2", length=wire.MAX_MODULE_BYTES, version=wire.MAX_VERSION))


def test_each_field_that_is_out_of_its_range_is_refused_with_one_text():
    good = bytearray(BEEP_1[: wire.HEAD_BYTES])
    for at, octets in (
        (0, b"RCuq"),
        (4, b"\x00"),
        (4, b"\x02"),
        (5, b"\x00"),
        (5, b"\x03"),
        (5, b"\x02"),  # a service has no codec
        (6, b"\x00"),
        (6, b"Beep"),
        (6, b"1eep"),
        (6, b"b\x00ep"),  # something behind the zeros
        (6, b"be/p"),
        (21, b"x"),
        (22, b"\x00\x00\x00\x00"),
        (22, b"BEEP"),
        (22, b"be\x1bp"),
        (22, b"be\xffp"),
        (38, b"\x07"),
        (50, b"\x00\x00\x00\x00"),
        (57, b"\x00\x00\x00\x00"),
        (57, b"\x00\x01\x00\x01"),
        (57, b"\xff\xff\xff\xff"),
    ):
        bad = bytearray(good)
        bad[at : at + len(octets)] = octets
        refused(bad)
    for size in (0, 1, wire.HEAD_BYTES - 1, wire.HEAD_BYTES + 1):
        refused(bytes(size))
    assert wire.unpack_head(good).name == "beep"


def test_a_module_fits_its_board_and_whatever_loads_its_code():
    pico = (6, 0x13, 31)  # .mpy 6.3 for armv6m
    for changes, board, abi, fits in (
        ({}, "pico", pico, True),
        ({"board": "pico"}, "pico", pico, True),
        ({"board": "pico2"}, "pico", pico, False),
        ({"mpy": b"\x06\x13\x1f"}, "pico", pico, True),
        ({"mpy": b"\x06\x00\x1f"}, "pico", pico, True),
        ({"mpy": b"\x06\x00\x0f"}, "pico", pico, True),
        ({"mpy": b"\x06\x00\x20"}, "pico", pico, False),
        ({"mpy": b"\x06\x1f\x1f"}, "pico", pico, False),
        ({"mpy": b"\x05\x13\x1f"}, "pico", pico, False),
        ({"mpy": b"\x06\x13\x1f", "board": "pico2"}, "pico", pico, False),
        ({"mpy": b"\x06\x00\x1f"}, "cpython", (0, 0, 63), False),
    ):
        assert wire.fits(head(**changes), board, abi) is fits, (changes, abi)


def test_pieces_of_any_size_are_one_module():
    for size in (1, 7, 92, 93, 94, 156, 157, 158, len(BEEP_1)):
        intake = Intake()
        module = b""
        seen = []
        for first in range(0, len(BEEP_1), size):
            at, end = first, min(first + size, len(BEEP_1))
            while at < end:
                event, count = intake.take(BEEP_1, at, end)
                assert count > 0
                if event == MODULE:
                    module += BEEP_1[at : at + count]
                if event != MORE:
                    seen.append(event)
                at += count
        assert seen[0] == HEAD and seen.count(HEAD) == 1 and intake.left == 0
        assert module == BEEP_1[157:] and bytes(intake.signature()) == BEEP_1[93:157]
        assert b"".join([bytes(part) for part in intake.signed()]) == b"ringcast module 1\x00" + BEEP_1[:93]


def test_octets_behind_the_module_are_refused():
    intake = Intake()
    at = 0
    while at < len(BEEP_1):
        at += intake.take(BEEP_1, at, len(BEEP_1))[1]
    with raises(RemoteError):
        intake.take(b"x", 0, 1)
