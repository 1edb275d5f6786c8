"""What stands behind ATD: ITU-T V.250 6.3.1. What is no digit and no modifier is ignored, and never an error."""

import random

import pytest
from testbed.line.at_parser import LINE_LIMIT
from testbed.line.modem import State

from tests.helpers.modem_bench import Bench
from tests.helpers.modem_states import CONNECT, ERROR, NO_CARRIER, OK, quiet_bench

BUSY = b"\r\nBUSY\r\n"
IGNORED = rb"""ghijkmnoqruvxyzEFGHIJKMNOQRUVXYZ"$%&'()-./:<=?[\]^_`{|}~ """


def dialled(bench: Bench, line: bytes, limit_ms: int = 60_000) -> tuple[bytes, str]:
    """(what the modem said, the number that the exchange was asked for, "" if none)."""
    bench.exchange.log.clear()
    bench.type(line + b"\r")
    bench.run_until(lambda: bool(bench.heard[0]), limit_ms)
    return bench.said(), bench.exchange.log[0].called if bench.exchange.log else ""


@pytest.mark.parametrize(
    "text",
    [
        b"T (555) 01-00", b'"5550100"', b'T"5550100"', b't"555 0100"', b"T555/0100", b"T555_0100", b"T[555]0100",
        b"T5550100R", b"T{555}<0100>", b"T555.01.00", b"T555:0100=", b"T$5550100", b"T^5550100", b"T555|01~00",
        b"p5550100", b" t 5 5 5 0 1 0 0 ", b"T>5550100", b">5550100", b'>"5550100"', b">5550100I", b"T'5550100",
        b'T"5550100', b"T5550100\x7f", b"T555\t01\x0000", b"T5550100?", b"T=5550100", b"LS5550100",
    ],
)  # fmt: skip
def test_decoration_is_ignored(text):
    assert dialled(quiet_bench(), b"ATD" + text) == (CONNECT, "5550100")


def test_any_character_that_means_nothing_may_stand_anywhere():
    dice = random.Random(61)
    for _ in range(200):
        text = bytearray(b"5550100")
        for _ in range(dice.randrange(1, 30)):
            text.insert(dice.randrange(len(text) + 1), dice.choice(IGNORED))
        assert dialled(quiet_bench(), b"ATDT" + text) == (CONNECT, "5550100"), text


def test_no_printable_character_is_an_error():
    for char in range(0x20, 0x7F):
        for text in (b"T555%c0100", b"%c5550100", b"P5550100%c"):
            if char == ord(";"):
                continue  # what follows are commands
            said, _ = dialled(quiet_bench(), b"ATS7=5D" + text % char)
            assert said != ERROR, text % char


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"T+445550100", "+445550100"),
        (b"+44 (0)555 0100", "+4405550100"),
        (b"T*21#", "*21#"),
        (b"TabCD", "ABCD"),
        (b"P+4*4#A5", "445"),
        (b"T5550101xABC", "5550101ABC"),
    ],
)
def test_every_digit_of_the_standard_is_dialled_and_pulses_leave_out_what_they_cannot_say(text, number):
    assert dialled(quiet_bench(), b"ATD" + text) == (NO_CARRIER, number)


def test_a_subscriber_may_have_an_international_number():
    bench = quiet_bench()
    bench.add(bench.exchange.subscriber("+445550199"))
    bench.type(b"ATS7=5DT+44 555-0199\r")
    bench.run(2500)
    assert bench.said(bench.modems[1]) == b"\r\nRING\r\n"


@pytest.mark.parametrize("line", [b"ATD", b"ATDT", b"atdp", b"ATD()", b'ATD""', b"ATDT ", b"ATD>"])
def test_without_a_number_it_goes_off_hook_and_waits_for_a_carrier(line):
    bench = quiet_bench()
    bench.ask(b"ATS7=5\r")
    bench.type(line + b"\r")
    assert bench.port.off_hook
    assert bench.modem.state is State.CALLING
    assert bench.run(4999) == b""
    assert bench.run(1) == NO_CARRIER
    assert not bench.port.off_hook
    assert bench.exchange.log == []


def test_a_semicolon_alone_goes_off_hook_and_stays_in_command_state():
    bench = quiet_bench()
    assert bench.ask(b"ATD;\r") == OK
    assert bench.port.off_hook
    assert bench.modem.state is State.COMMAND
    assert bench.ask(b"ATH\r") == OK


@pytest.mark.parametrize("line", [b'ATDT"555;S8?', b"ATDT[555];S8?", b'ATDT"5"5;S8?', b"ATDT555x;s8?"])
def test_quotes_do_not_hide_the_semicolon_nor_what_follows(line):
    bench = quiet_bench()
    bench.type(line + b"\r")
    assert bench.run(2000) == b"\r\n002\r\n" + OK


def test_commands_behind_the_semicolon_are_commands():
    bench = quiet_bench()
    bench.type(b"ATDT555;+GMI;S8=7?\r")
    assert bench.run(2000) == b"\r\nringcast\r\n" + ERROR
    assert bench.ask(b"ATS8?\r") == b"\r\n007\r\n" + OK


def test_commands_stand_before_it_in_one_line():
    bench = quiet_bench()
    assert dialled(bench, b"AT E0 V1 &C1 +FCLASS=0; S7=45 X4 DT (555) 01-00") == (CONNECT, "5550100")
    assert bench.modem.profile.s[7] == 45


def test_a_slash_dials_again():
    bench = quiet_bench()
    assert dialled(bench, b"ATDT(555) 01/01") == (BUSY, "5550101")
    bench.exchange.log.clear()
    bench.type(b"A/")
    assert bench.run(5000) == BUSY
    assert bench.exchange.log[0].called == "5550101"


def test_dl_dials_what_was_dialled_and_nothing_when_nothing_was():
    bench = quiet_bench()
    assert dialled(bench, b"ATDL", 0) == (NO_CARRIER, "")
    dialled(bench, b"ATDT[555]0101")
    assert dialled(bench, b"ATDL") == (BUSY, "5550101")
    assert dialled(bench, b"ATDPL") == (BUSY, "5550101")


def test_numbers_are_stored_shown_and_dialled():
    bench = quiet_bench()
    assert bench.ask(b"AT&Z0=(555) 0101\r") == OK
    assert bench.ask(b"ATE0&Z3 = t555,0100\r") == OK
    assert bench.ask(b"AT&Z0?&Z3?\r") == b"\r\n(555)0101\r\n\r\nT555,0100\r\n" + OK
    assert dialled(bench, b"ATDS=0") == (BUSY, "5550101")
    assert dialled(bench, b"ATDTS") == (BUSY, "5550101")
    assert dialled(bench, b"ATDTS=0") == (BUSY, "5550101")
    assert bench.ask(b"AT&Z1=L\r") == OK
    assert dialled(bench, b"ATDS1") == (BUSY, "5550101")
    assert dialled(bench, b"ATDS=2", 0) == (NO_CARRIER, "")
    assert dialled(bench, b"ATDS=3") == (CONNECT, "5550100")


@pytest.mark.parametrize("line", [b"AT&Z4=1", b"AT&Z", b"AT&Z0", b"AT&Z9?"])
def test_there_are_four_numbers(line):
    assert quiet_bench().ask(line + b"\r") == ERROR


@pytest.mark.parametrize("line", [b"ATD>bob", b'ATD>"Dad"', b"ATDT>Anna", b"ATD>Wanda;", b"ATD> tom"])
def test_a_name_from_a_telephone_book_that_it_has_not_dials_nothing(line):
    bench = quiet_bench()
    assert dialled(bench, line, 0) == (NO_CARRIER, "")
    assert not bench.port.off_hook


def test_a_dollar_and_a_caret_wait_for_nothing():
    bench = quiet_bench()
    bench.type(b"ATD$^5550100\r")
    bench.run_until(lambda: bench.modem.state is State.ONLINE, 60_000)
    assert bench.now_ms == 100 + 7 * 140 + 200 + 100


def test_pauses_and_flashes_may_stand_anywhere():
    bench = quiet_bench()
    bench.type(b"ATS8=1D,,T5,5!5w0\r")
    assert bench.run(20_000) == b"\r\nNO DIALTONE\r\n"  # no second dial tone comes


def test_a_number_may_fill_the_line():
    text = b"5" * (LINE_LIMIT - 2)
    assert dialled(quiet_bench(), b"ATDT" + text) == (NO_CARRIER, text.decode())
    padded = (b"( " * LINE_LIMIT)[: LINE_LIMIT - 9] + b"5550100"
    assert dialled(quiet_bench(), b"ATDT" + padded) == (CONNECT, "5550100")
