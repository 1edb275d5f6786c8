"""Result codes and how they are framed (ITU-T V.250 clause 5.7)."""

from enum import Enum

from testbed.line.port import Signal
from testbed.line.registers import Profile


class Result(Enum):
    """Number in V0, words in V1."""

    OK = (0, "OK")
    CONNECT = (1, "CONNECT")
    RING = (2, "RING")
    NO_CARRIER = (3, "NO CARRIER")
    ERROR = (4, "ERROR")
    NO_DIALTONE = (6, "NO DIALTONE")
    BUSY = (7, "BUSY")
    NO_ANSWER = (8, "NO ANSWER")


# V.250 leaves the numbers of CONNECT <text> to the maker; these are what most makers use. Others are given as
# 1.
CONNECT_NUMBERS = {1200: 5, 2400: 10, 4800: 11, 9600: 12, 14400: 13, 19200: 14, 7200: 24}

_CARRIERS = ((300, "V21"), (1200, "V22"), (2400, "V22B"), (9600, "V32"), (14_400, "V32B"), (33_600, "V34"))


def failed_call(profile: Profile, signal: Signal) -> Result | None:
    """What ends a call that is being set up when the line says `signal`, as far as X has it watched; else None."""
    if signal is Signal.BUSY_TONE and profile.hears_busy:
        return Result.BUSY
    if signal is Signal.DEAD and profile.waits_for_dial_tone:
        return Result.NO_DIALTONE
    return Result.NO_CARRIER if signal is Signal.CLEARED else None


def frame_result(profile: Profile, result: Result, rate_bps: int = 0) -> bytes:
    """The bytes of a result code; none under Q1. `rate_bps` goes with CONNECT, unless X0 forbids it."""
    if profile.settings["Q"]:
        return b""
    number, words = result.value
    if result is Result.CONNECT and rate_bps and profile.settings["X"]:
        number = CONNECT_NUMBERS.get(rate_bps, number)
        words = f"{words} {rate_bps}"
    cr, lf = bytes((profile.s[3],)), bytes((profile.s[4],))
    if profile.settings["V"]:
        return cr + lf + words.encode("ascii") + cr + lf
    return str(number).encode("ascii") + cr


def frame_information(profile: Profile, lines: list[str]) -> bytes:
    """Information text, one response for each line; Q does not suppress it."""
    cr, lf = bytes((profile.s[3],)), bytes((profile.s[4],))
    head = cr + lf if profile.settings["V"] else b""
    text = (cr + lf).join(line.encode("ascii") for line in lines)
    return head + text + cr + lf


def frame_reports(profile: Profile, rate_bps: int) -> bytes:
    """The intermediate result codes before CONNECT that +MR, +ER and +DR ask for (6.4.3, 6.5.5, 6.6.2)."""
    reports = []
    if profile.parameters["+MR"] != ("0",):
        carrier = next((name for rate, name in _CARRIERS if rate_bps <= rate), "V90")
        reports += [f"+MCR: {carrier}", f"+MRR: {rate_bps}"]
    reports += [f"{name}: NONE" for name in ("+ER", "+DR") if profile.parameters[name] == ("1",)]
    if profile.settings["Q"]:
        return b""
    return b"".join(frame_information(profile, [report]) for report in reports)
