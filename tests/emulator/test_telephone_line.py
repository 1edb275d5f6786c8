"""The telephone line: exact instants, both ways, delay, backlog, drop, the place for impairments."""

import random
from itertools import pairwise

import pytest
from settop.errors import LocalError
from testbed.line.telephone import NS_PER_MS, Impairment, TelephoneLine


def test_first_byte_is_out_after_ten_bit_times_rounded_up_to_the_next_nanosecond():
    line = TelephoneLine(2400)
    line.send(0, b"a", 1000)
    assert line.take_timed(1, 1005) == [(ord("a"), 1000 * NS_PER_MS + 4_166_667)]


def test_a_burst_does_not_drift():
    line = TelephoneLine(2400)
    for i in range(240):  # in pieces, as a UART brings them
        line.send(0, bytes((i,)), 0)
    timed = line.take_timed(1, 10_000)
    assert [byte for byte, _ in timed] == list(range(240))
    assert timed[-1][1] == 1_000_000_000
    assert [at_ns for _, at_ns in timed] == [-(-(i + 1) * 10_000_000_000 // 2400) for i in range(240)]


def test_delay_shifts_every_byte():
    line = TelephoneLine(1200, delay_ms=30)
    line.send(1, b"xy", 0)
    assert line.take(0, 38) == b""
    assert line.take(0, 39) == b"x"
    assert line.take(0, 47) == b"y"


def test_directions_do_not_disturb_each_other():
    line = TelephoneLine(2400)
    line.send(0, b"a" * 24, 0)
    line.send(1, b"b" * 24, 0)
    assert line.take(1, 100) == b"a" * 24
    assert line.take(0, 100) == b"b" * 24


def test_next_timer_is_the_first_millisecond_at_which_a_byte_can_be_taken():
    line = TelephoneLine(2400)
    assert line.next_timer() is None
    line.send(0, b"ab", 7)
    assert line.next_timer() == 12
    assert line.take(1, 11) == b""
    assert line.take(1, 12) == b"a"
    assert line.next_timer() == 16


def test_backlog_falls_at_the_line_rate():
    line = TelephoneLine(2400)
    line.send(0, b"a" * 240, 0)
    assert [line.backlog(0, now_ms) for now_ms in (0, 500, 1000)] == [240, 120, 0]
    assert line.backlog(1, 0) == 0


def test_nothing_comes_out_of_a_dropped_line():
    line = TelephoneLine(2400)
    line.send(0, b"abc", 0)
    line.drop()
    line.send(0, b"def", 1)
    assert (line.take(1, 1000), line.backlog(0, 1), line.next_timer()) == (b"", 0, None)


def test_random_sends_come_out_whole_in_order_and_never_faster_than_the_rate():
    rng = random.Random(1)
    line = TelephoneLine(9600, delay_ms=3)
    sent, out, now_ms = b"", [], 0
    for _ in range(500):
        now_ms += rng.randrange(20)
        data = rng.randbytes(rng.randrange(30))
        sent += data
        line.send(0, data, now_ms)
        out += line.take_timed(1, now_ms)
    out += line.take_timed(1, now_ms + 100_000)
    assert bytes(byte for byte, _ in out) == sent
    gaps = [b - a for (_, a), (_, b) in pairwise(out)]
    assert min(gaps) >= 10_000_000_000 // 9600


def test_an_impairment_sees_every_byte_and_may_change_or_lose_it():
    class EveryOther(Impairment):
        def carry(self, end, byte, out_ns):
            return bytes((byte ^ 0x20,)) if byte % 2 else b""

    line = TelephoneLine(2400, impairment=EveryOther())
    line.send(0, b"abcd", 0)
    assert line.take(1, 1000) == b"AC"


@pytest.mark.parametrize("bad", [{"bits_per_s": 0}, {"delay_ms": -1}, {"bits_per_char": 0}])
def test_impossible_lines_are_refused(bad):
    with pytest.raises(LocalError, match="expected"):
        TelephoneLine(**bad)
