"""The modem as a terminal program meets it: ITU-T V.250 lines, result codes, settings."""

import pytest
from testbed.line.registers import S_PARAMETERS

from tests.helpers.modem_bench import Bench
from tests.helpers.modem_states import ERROR, OK, quiet_bench

# -- lines


def test_echo_returns_what_is_typed_and_e0_stops_it():
    bench = Bench()
    assert bench.ask(b"AT\r") == b"AT\r" + OK
    assert bench.ask(b"ATE0\r") == b"ATE0\r" + OK
    assert bench.ask(b"AT\r") == OK
    assert bench.ask(b"ATE1\r") == OK
    assert bench.ask(b"at\r") == b"at\r" + OK


@pytest.mark.parametrize("line", [b"at\r", b"At\r", b"AT \r", b"A T\r AT\r", b"xyzAT\r", b"AAT\r", b"\r\nAT\r"])
def test_prefix_is_found_after_garbage_and_in_any_case(line):
    assert quiet_bench().ask(line) == OK


def test_a_line_without_prefix_says_nothing():
    assert quiet_bench().ask(b"BT&F\rhello\r") == b""


def test_bytes_with_a_parity_bit_are_understood():
    assert quiet_bench().ask(bytes(byte | 0x80 for byte in b"AT\r")) == OK


def test_backspace_edits_the_line_but_not_its_prefix():
    bench = quiet_bench()
    assert bench.ask(b"ATQX\b\bS7?\r") == b"\r\n030\r\n" + OK
    assert bench.ask(b"AT\b\b\b\bI1\r") == b"\r\n000\r\n" + OK
    bench.type(b"ATE1\r")
    bench.said()
    assert bench.ask(b"ATX\b\r") == b"ATX\b \b\r" + OK


def test_control_characters_in_a_line_are_ignored():
    assert quiet_bench().ask(b"AT\n\x00I\x1b1\r") == b"\r\n000\r\n" + OK


def test_commands_concatenate_with_spaces_and_small_letters():
    bench = quiet_bench()
    assert bench.ask(b"at e0 v1x3 s0=2 S8 = 5&c1 m0l2\r") == OK
    assert bench.ask(b"ATS0?S8?\r") == b"\r\n002\r\n\r\n005\r\n" + OK


def test_what_stands_before_a_mistake_is_done_and_the_rest_is_not():
    bench = quiet_bench()
    assert bench.ask(b"ATS8=9J5S6=7\r") == ERROR
    assert bench.ask(b"ATS8?S6?\r") == b"\r\n009\r\n\r\n002\r\n" + OK


def test_a_slash_repeats_the_last_line_at_once():
    bench = quiet_bench()
    bench.ask(b"ATS8?\r")
    assert bench.ask(b"A/") == b"\r\n002\r\n" + OK
    assert bench.ask(b"a/") == b"\r\n002\r\n" + OK


def test_a_slash_before_any_line_is_an_empty_command():
    assert Bench().ask(b"A/") == b"A/" + OK


def test_a_line_of_255_characters_is_taken_and_one_of_256_refused():
    bench = quiet_bench()
    assert bench.ask(b"AT" + b"E0" * 127 + b" \r") == OK
    assert bench.ask(b"AT" + b"E0" * 128 + b"\r") == ERROR
    assert bench.ask(b"AT\r") == OK


# -- result codes


def test_v0_gives_numbers_and_short_frames():
    bench = quiet_bench()
    assert bench.ask(b"ATV0\r") == b"0\r"
    assert bench.ask(b"ATJ\r") == b"4\r"
    assert bench.ask(b"ATI1\r") == b"000\r\n0\r"
    bench.type(b"ATD5550101\r")
    assert bench.run(1280) == b"7\r"
    bench.type(b"ATD5550100\r")
    assert bench.run(1380) == b"10\r"


def test_q1_suppresses_result_codes_but_not_information():
    bench = quiet_bench()
    assert bench.ask(b"ATQ1\r") == b""
    assert bench.ask(b"ATI1\r") == b"\r\n000\r\n"
    assert bench.ask(b"ATQ0\r") == OK


def test_s3_and_s4_shape_the_answers():
    bench = quiet_bench()
    assert bench.ask(b"ATS3=33S4=42\r") == b"!*OK!*"
    assert bench.ask(b"ATI1!") == b"!*000!*!*OK!*"


@pytest.mark.parametrize(
    ("x", "connect", "busy", "dead"),
    [
        (0, b"CONNECT", b"NO CARRIER", b"NO CARRIER"),
        (1, b"CONNECT 2400", b"NO CARRIER", b"NO CARRIER"),
        (2, b"CONNECT 2400", b"NO CARRIER", b"NO DIALTONE"),
        (3, b"CONNECT 2400", b"BUSY", b"NO CARRIER"),
        (4, b"CONNECT 2400", b"BUSY", b"NO DIALTONE"),
    ],
)
def test_x_selects_result_codes(x, connect, busy, dead):
    for number, words in ((b"5550100", connect), (b"5550101", busy), (b"5550104", dead)):
        bench = quiet_bench()
        bench.ask(b"ATS7=5X%d\r" % x)
        bench.type(b"ATD" + number + b"\r")
        assert bench.run(9000).startswith(b"\r\n" + words + b"\r\n")


# -- settings and identification


def test_every_s_parameter_keeps_its_limits():
    bench = quiet_bench()
    for number, (low, high, _, _) in S_PARAMETERS.items():
        if number in (3, 4, 5):
            continue  # they change the frames themselves
        for value, answer in ((low, OK), (high, OK), (high + 1, ERROR), (low - 1, ERROR)):
            assert bench.ask(b"ATS%d=%d\r" % (number, value)) == answer, (number, value)
        assert bench.ask(b"ATS%d?\r" % number) == b"\r\n%03d\r\n" % high + OK


UNKNOWN = rb"""
ATS99? ATS99=1 ATS7 ATS7= ATS7=x ATS7=-1 ATS0=-1 ATS10=256 ATS10=0 ATS10= ATS99999999999999=1
ATE2 ATE1234567890 ATX5 AT&D4 ATH2 ATZ2 ATZ7 AT&F3 AT&W2 AT&Y2 ATI5 ATJ AT&K7 AT\Q4 AT&T1 AT&C2 ATW3 AT%C4 AT\N8
AT& AT\ AT% AT- AT-1 AT\3 AT%V1 AT&9 AT*H AT)M1 AT+ AT+FOO AT+FOO=? AT+IFC AT+IFC=4 AT+IFC=,3 AT+IFC=2,2,2 AT+IFC=x
AT+IFC=2;;+GMM=9 AT+IFC=-1 AT+MS AT+MS=V99 AT+MS=5 AT+MS=V34,2 AT+MS=V34,1,0,56001 AT+MS=V34,1,0,0,0,0,0 AT+MS=,V34
AT+ICF=7 AT+ICF=3,4 AT+DR=2 AT+ER=2 AT+DS=0,0,511 AT+ES=8 AT+CGMI AT+CREG? AT+GSN=1 AT+IFC=1=2
AT+GMM? AT+GMM=1 AT+GMM" AT+GMI+GMM AT+FCLASS=1 AT+FCLASS= AT+IPR=7 AT+IPR ATO
AT; AT?
"""


@pytest.mark.parametrize("line", UNKNOWN.split())
def test_what_it_does_not_know_is_an_error(line):
    assert quiet_bench().ask(line + b"\r") == ERROR


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"AT+GMI", b"ringcast"),
        (b"AT+GMM", b"ringcast emulated modem"),
        (b"AT+GMR", b"1.0"),
        (b"AT+GCAP", b"+GCAP: +FCLASS"),
        (b"AT+FCLASS?", b"0"),
        (b"AT+FCLASS=?", b"0"),
        (b"AT+IPR?", b"+IPR: 0"),
        (b"ATI", b"2400"),
        (b"ATI3", b"ringcast emulated modem 1.0"),
    ],
)
def test_identification(line, text):
    assert quiet_bench().ask(line + b"\r") == b"\r\n" + text + b"\r\n" + OK


def test_extended_commands_test_set_and_concatenate():
    bench = quiet_bench()
    assert bench.ask(b"AT+GMM=?\r") == OK
    assert bench.ask(b"AT+IPR=9600;+FCLASS=0;S0=1\r") == OK
    assert bench.ask(b"AT+IPR?;S0?\r") == b"\r\n+IPR: 9600\r\n\r\n001\r\n" + OK
    assert b"115200" in bench.ask(b"AT+IPR=?\r")


def test_and_v_shows_the_settings():
    bench = quiet_bench()
    bench.ask(b"ATX3S7=45&C0P\r")
    shown = bench.ask(b"AT&V\r")
    for text in (b"E0", b"X3", b"&C0", b"S07:045", b"S12:050", b" P ", b"+IFC:2,2"):
        assert text in shown
    assert shown.endswith(OK)


def test_z_restores_the_stored_profile_and_ends_the_line_and_and_f_the_factory_one():
    bench = quiet_bench()
    bench.ask(b"ATS7=45&W\r")
    bench.ask(b"ATS7=50\r")
    assert bench.ask(b"ATZS8=9\r") == OK
    assert bench.ask(b"ATS7?S8?\r") == b"\r\n045\r\n\r\n002\r\n" + OK
    assert bench.ask(b"AT&F\r") == OK
    assert bench.ask(b"ATE0S7?\r") == b"ATE0S7?\r\r\n030\r\n" + OK
