"""Milliseconds from ticks that wrap, as MicroPython's do at 2^30."""

from settop.clock import Clock

PERIOD = 1 << 30


class Board:
    def __init__(self, ticks):
        self.ticks = ticks

    def ticks_ms(self):
        return self.ticks % PERIOD

    def ticks_diff(self, a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2


def test_starts_at_nought_whatever_the_ticks_say():
    for ticks in (0, 12345, PERIOD - 1):
        assert Clock(Board(ticks)).now_ms() == 0


def test_goes_on_over_the_wrap():
    board = Board(PERIOD - 5)
    clock = Clock(board)
    seen = []
    for _ in range(4):
        board.ticks += 3
        seen.append(clock.now_ms())
    assert seen == [3, 6, 9, 12]


def test_counts_past_several_wraps_when_asked_once_in_six_days():
    board = Board(77)
    clock = Clock(board)
    step = 6 * 24 * 3600 * 1000
    for i in range(1, 6):
        board.ticks += step
        assert clock.now_ms() == i * step
    assert 5 * step > 2 * PERIOD


def test_the_same_tick_is_the_same_time():
    clock = Clock(Board(9))
    assert clock.now_ms() == clock.now_ms() == 0
