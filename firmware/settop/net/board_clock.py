"""Puts a board's own clock forward, for those that ask nobody else: Mbed TLS, and the file system's times."""

import time


def set_clock(now_s, back_s=0):
    """Sets the clock to `now_s`, seconds since 1970 UTC, unless it is later by itself; back_s: it goes back by so much
    first. Returns by how many seconds it went forward. Boards without a clock that can be set (the unix port has its
    host's) stay as they are, and so does a clock whose years do not reach so far."""
    epoch_s = 946684800 if time.gmtime(0)[0] == 2000 else 0  # some ports count from 2000
    was_s = time.time() + epoch_s - back_s
    if was_s >= now_s and not back_s:
        return 0
    try:
        import machine
    except ImportError:
        return 0
    rtc = getattr(machine, "RTC", None)
    if rtc is None:
        return 0
    try:
        year, month, day, hour, minute, second, weekday = time.gmtime(max(was_s, now_s) - epoch_s)[:7]
        rtc().datetime((year, month, day, weekday, hour, minute, second, 0))
    except (OverflowError, ValueError, OSError):
        return 0
    return max(0, now_s - was_s)
