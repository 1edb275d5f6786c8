"""The board's own clock is put forward, never back; where there is none to be set, nothing happens."""

import sys
import time

from kit import Skip
from settop.net.board_clock import set_clock

EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0
LATER_S = 1795824000  # 28 November 2026, a Saturday


def test_a_clock_that_is_later_stays():
    before_s = time.time()
    assert set_clock(0) == 0 == set_clock(1000)
    assert 0 <= time.time() - before_s < 10


def test_a_clock_that_is_behind_is_put_forward():
    if sys.platform != "rp2":
        raise Skip("this computer's clock is not ours to set")
    assert time.gmtime()[0] == 2021  # as every start of a Pico
    set_clock(LATER_S)
    assert 0 <= time.time() + EPOCH_S - LATER_S < 10
    assert time.gmtime()[:3] == (2026, 11, 28) and time.gmtime()[6] == 5
    set_clock(LATER_S - 86400)
    assert time.time() + EPOCH_S >= LATER_S
    assert 86390 < set_clock(LATER_S + 86400) <= 86400
    set_clock(LATER_S, 86400)
    assert 0 <= time.time() + EPOCH_S - LATER_S < 10


def test_a_time_that_the_board_has_no_word_for_leaves_its_clock():
    faults = [ValueError, OverflowError, OSError]

    class Clock:
        def datetime(self, words):
            raise faults[-1]

    class Machine:
        RTC = Clock

    had = sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        before_s = time.time()
        while faults:
            assert set_clock(253402300799) == 0  # the end of 9999, the last that a certificate can say
            faults.pop()
        assert 0 <= time.time() - before_s < 10
    finally:
        if had is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = had
