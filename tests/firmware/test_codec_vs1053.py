"""The decoder chip's driver against the datasheet's procedures, on wires under the test's thumb."""

import sys

from codec_rig import Wires
from kit import Skip
from settop.codec.states import TABLE
from settop.codec.vs1053 import Vs1053

MODE, CLOCKF, WRAM, WRAMADDR = 0, 3, 6, 7


def ready(**options):
    wires = Wires(**options)
    chip = Vs1053(wires.wires())
    chip.start()
    for now_ms in range(10):
        chip.step(now_ms)
    assert chip.state == "ready", chip.state
    wires.log = []
    return chip, wires


def steps(chip, from_ms, limit=3000):
    """Steps by the millisecond until it wants none; the instant."""
    for now_ms in range(from_ms, from_ms + limit):
        if chip.step(now_ms) is None:
            return now_ms
    raise AssertionError("still %s" % chip.state)


def data_of(log):
    return b"".join([entry[1] for entry in log if entry[0] == "data"])


def test_it_starts_slowly_multiplies_the_clock_and_then_goes_fast():
    wires = Wires()
    wires.busy = True
    chip = Vs1053(wires.wires())
    assert chip.state == "off" and chip.step(0) is None and chip.write(b"x" * 32) == 0 and not wires.log
    chip.start()
    assert wires.log == [("baud", 1600000), ("reset",)]
    assert chip.step(1) == 2 and chip.state == "resetting"
    wires.busy = False
    assert chip.step(3) == 4 and chip.state == "clocking"
    assert wires.log[2:] == [("read", 1), ("write", CLOCKF, 0x8800)]
    wires.busy = True
    assert chip.step(4) == 5 and chip.write(b"x" * 32) == 0
    wires.busy = False
    assert chip.step(5) is None and chip.state == "ready"
    assert wires.log[4:] == [("baud", 6000000)]


def test_no_chip_or_another_one_is_said_and_may_be_tried_again():
    for wires, late in ((Wires(version=15), False), (Wires(version=6), False), (Wires(room=0), True)):
        chip = Vs1053(wires.wires())
        chip.start()
        now_ms = steps(chip, 0)
        assert chip.state == "failed" and (now_ms >= 100) == late
        assert chip.write(b"x" * 32) == 0 and chip.step(1000) is None
        wires.registers[1], wires.room = 0x40, None
        chip.start()
        steps(chip, 1000)
        assert chip.state == "ready" and chip.resets == 2


def test_octets_go_in_32_at_a_time_while_dreq_is_high_and_the_rest_stays():
    chip, wires = ready(room=100)
    octets = bytes(range(200))
    assert chip.write(octets) == 96
    assert [len(entry[1]) for entry in wires.log] == [32, 32, 32]
    assert chip.write(octets, 96) == 0
    wires.room = 1000
    assert chip.write(octets, 96) == 104
    assert bytes(wires.data) == octets


def test_any_number_of_octets_arrives_whole_and_in_order():
    chip, wires = ready()
    octets = bytes([i * 7 & 0xFF for i in range(150)])
    for start in (0, 1, 5):
        for count in range(100):
            wires.data = bytearray()
            assert chip.write(octets, start, start + count) == count
            assert bytes(wires.data) == octets[start : start + count]
    wires.data = bytearray()
    assert chip.write(memoryview(octets)[10:20]) == 10
    assert bytes(wires.data) == octets[10:20]


def test_a_pause_takes_nothing():
    chip, wires = ready()
    chip.pause()
    assert chip.write(b"x" * 64) == 0 and not wires.log
    chip.resume()
    assert chip.write(b"x" * 64) == 64
    chip.pause()
    chip.cancel()
    steps(chip, 100)
    assert chip.state == "ready" and chip.write(b"x" * 64) == 64


def test_a_whole_title_ends_as_the_datasheet_says():
    """10.5.1: endFillByte is read, 2,052 of it, SM_CANCEL, then 32 at a time until it is cleared."""
    chip, wires = ready(room=2048, end_fill=0x5A, clears=64)
    assert chip.write(b"t" * 2048) == 2048
    chip.finish()
    assert wires.log[-2:] == [("write", WRAMADDR, 0x1E06), ("read", WRAM)]
    assert chip.state == "ending" and chip.write(b"x" * 32) == 0
    wires.data = bytearray()
    now_ms = 10
    for now_ms in range(10, 200):
        wires.room += 40  # as fast as it is played
        if chip.step(now_ms) is None:
            break
    assert chip.state == "ready" and chip.resets == 1
    assert wires.log.index(("write", MODE, 0x4808)) > 0
    before = data_of(wires.log[: wires.log.index(("write", MODE, 0x4808))])
    assert before == b"t" * 2048 + b"\x5a" * 2052
    assert bytes(wires.data) == b"\x5a" * (2052 + 64)
    assert not wires.registers[MODE] & 8


def test_a_cancel_in_the_middle_is_as_the_datasheet_says():
    """10.5.2: SM_CANCEL, octets 32 at a time and a look after each, endFillByte, 2,052 of it."""
    chip, wires = ready(end_fill=0x33, clears=96)
    chip.write(b"t" * 640)
    wires.log = []
    chip.cancel()
    assert wires.log == [("read", MODE), ("write", MODE, 0x4808)]
    assert chip.state == "cancelling"
    steps(chip, 100)
    assert chip.state == "ready"
    cleared = wires.log.index(("write", WRAMADDR, 0x1E06))
    looks = [entry for entry in wires.log[2:cleared]]
    assert [entry[0] for entry in looks] == ["read", "data"] * 3 + ["read"]
    assert data_of(wires.log[cleared:]) == b"\x33" * 2052
    assert chip.write(b"n" * 32) == 32


def test_a_chip_that_does_not_clear_sm_cancel_is_reset():
    for hung in (False, True):  # after 2,048 octets; or after a second in which it takes none
        chip, wires = ready(clears=1 << 20)
        chip.cancel()
        wires.busy = hung
        for now_ms in range(2000, 3002):
            chip.step(now_ms)
            if chip.state == "resetting":
                break
        assert chip.state == "resetting" and ("reset",) in wires.log
        assert now_ms == 3000 if hung else now_ms < 2100
        assert hung or len(data_of(wires.log)) == 2048
        wires.busy = False
        wires.registers[MODE] = 0x4800
        steps(chip, 4000)
        assert chip.state == "ready" and chip.resets == 2


def test_an_end_in_which_nothing_is_played_any_more_is_cut_short():
    chip, _ = ready(room=100)
    chip.finish()
    for now_ms in range(0, 20000, 10):
        chip.step(now_ms)
        if chip.state == "resetting":
            break
    assert chip.state == "resetting" and 10000 <= now_ms <= 10100


def test_a_title_that_is_ending_can_be_cancelled():
    for many in (1, 70):
        chip, wires = ready(room=64 * many, clears=1 << 20)
        chip.finish()
        for now_ms in range(3):
            chip.step(now_ms)
        assert chip.state == ("ending" if many == 1 else "closing")
        chip.cancel()
        assert chip.state == "cancelling"
        wires.room = None
        wires.clears = 32
        steps(chip, 10)
        assert chip.state == "ready"


def test_registers_are_asked_and_set():
    chip, wires = ready()
    wires.registers[5] = 0xAC45
    assert chip.rate() == 44100
    wires.registers[4] = 75
    assert chip.seconds() == 75
    wires.registers[9] = 0x4154
    assert chip.format() == 0x4154
    chip.volume(20, 254)
    wires.log = []
    chip.set_seconds(300)
    assert wires.registers[11] == 0x14FE and wires.log == [("write", 4, 300), ("write", 4, 300)]


def test_feeding_allocates_nothing():
    if sys.implementation.name != "micropython":
        raise Skip("CPython does not count")
    import gc

    chip, wires = ready()
    wires.logs = False
    octets = bytearray(1000)
    chip.write(octets)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(10):
        chip.write(octets)
        chip.write(octets, 17, 64)
    after = gc.mem_alloc()
    gc.enable()
    assert after == before, after - before


def test_every_row_of_the_table_leads_somewhere_by_something():
    names = set([row[0] for row in TABLE])
    for _, event, action, after in TABLE:
        assert after in names or after == "failed"
        assert not action or callable(getattr(Vs1053, action))
        assert event in ("start", "dreq", "late", "finish", "cancel", "filled", "cleared")
    assert len(set([row[:2] for row in TABLE])) == len(TABLE)
