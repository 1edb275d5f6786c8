"""What most modems answer OK to is stored, shown by &V, recalled by Z, and does what it can do here."""

import pytest
from testbed.line.flow import XOFF, XON
from testbed.line.modem import BUFFER_BYTES, State
from testbed.line.registers import K_FLOWS, PARAMETERS, SETTINGS

from tests.helpers.modem_states import CONNECT, ERROR, NO_CARRIER, OK, escaped, online, quiet_bench

# As programs and manuals have them: minicom, wvdial, pppd's examples, Windows' unimodem, USRobotics, Rockwell, Hayes.
INIT_STRINGS = rb"""
AT S7=45 S0=0 L1 V1 X4 &c1 E1 Q0
ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0
ATQ0 V1 E1 Z
ATZ
ATZ1
AT&F
AT&F0
AT&F1
AT&F2
AT&FH0
AT&F&C1&D2&K3
AT&F1E0Q0V1&C1&D2S0=0
AT&FE0V1&C1&D2 S95=47 S0=0
AT&FE0V1S0=0&C1&D2+MR=2;+DR=1;+ER=1;W2
ATS7=60S30=0L0M1\N3%C3&K3B0B15B2N1\J1X4
ATS7=60S19=0L0M1&M4&K1&H1&R2&I0B0X4
AT&F0E0V1W1&D2&C1S0=0-C1
AT&F\N5\Q3%C1\J0X4
AT&FL1M1\N2&K3%C1
AT&F&Q5&K3&D2&C1S36=7S46=138S48=7S95=0W2
AT&F1&A3&B1&H1&R2&S1
AT&F&C1&D2&G0&J0&K4&Q6&R0&S0&T5&X0&Y0
ATB1C1F1N1Y0&L0&P1&W0
AT&F&D3S0=&W1
AT E1 S7=60 S11=55 V1 X1 S0=0
ATX3S6=4S9=8S10=20S25=0S30=0S38=0
ATS0=
ATS0=S1=V1
ATM0L0X3&K3
AT+IFC=2,2;+MS=V34,1,300,33600;+DS=3,0,2048,6;+ES=3,0,2
AT+MS=11,1,300,33600
AT+MS=V22B,0
AT+MS=,1,,2400
AT+IPR=115200;+ICF=3;+IFC=0,0
AT+ILRR=0;+EFCS=1;+ESR=1;+ETBM=1,1,20
AT+FCLASS=0;+GCAP;+GMI;+GMM;+GMR;+GSN
AT &F &C1 &D2 +IFC = 2 , 2
"""


@pytest.mark.parametrize("line", INIT_STRINGS.strip().splitlines())
def test_init_strings_are_answered_ok(line):
    bench = quiet_bench()
    bench.type(line + b"\r")
    said = bench.said()
    assert said.endswith((OK, b"\r\n0\r\n", b"0\r")), said
    assert b"ERROR" not in said
    assert bench.ask(b"ATE0V1\r").endswith(OK)
    bench.type(b"ATDT5550100\r")
    assert CONNECT in bench.run(20_000)


def shown(bench) -> list[str]:
    """The words of AT&V."""
    bench.ask(b"ATE0V1Q0\r")
    return bench.ask(b"AT&V\r").decode().split()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_its_range_is_shown_stored_and_recalled(name):
    largest, factory, _ = SETTINGS[name]
    command = b"AT" + name.encode()
    other = 0 if factory else largest
    for value in range(largest + 1):
        bench = quiet_bench()
        bench.type(command + b"%d\r" % value)
        assert bench.modem.profile.settings[name] == value
        if name not in ("E", "Q", "V"):
            assert bench.said() == OK
            assert f"{name}{value}" in shown(bench)
            assert bench.ask(command + b"%d\r" % (largest + 1)) == ERROR
            assert f"{name}{value}" in shown(bench)
    bench = quiet_bench()
    bench.type(command + b"%d&W1\r" % other)
    bench.type(b"AT&F\r")
    assert bench.modem.profile.settings[name] == factory
    bench.type(b"ATZ1\r")
    assert bench.modem.profile.settings[name] == other


def words(field: str) -> list[str]:
    """One value or two of each kind in a field such as 0-3 or V21,V22."""
    return [end for word in field.split(",") for end in word.split("-")]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_set_read_tested_shown_stored_and_recalled(name):
    form, factory, _ = PARAMETERS[name]
    command, bench = b"AT" + name.encode(), quiet_bench()
    assert bench.ask(command + b"=?\r") == f"\r\n{name}: {form}\r\n".encode() + OK
    assert bench.ask(command + b"?\r") == f"\r\n{name}: {factory}\r\n".encode() + OK
    values = factory.split(",")
    for place, field in enumerate(form.strip("()").split("),(")):
        for word in words(field):
            values[place] = word
            text = ",".join(values)
            assert bench.ask(command + b"=" + b"," * place + word.lower().encode() + b"\r") == OK
            assert bench.ask(command + b"?\r") == f"\r\n{name}: {text}\r\n".encode() + OK
            assert f"{name}:{text}" in shown(bench)
    last = ",".join(values)
    assert bench.ask(command + b"=\r") == OK  # what is left out stays
    assert bench.ask(b"AT&W0&F\r") == OK
    bench.ask(b"ATE0\r")
    assert f"{name}:{factory}" in shown(bench)
    assert bench.ask(b"ATZ0\r") == OK
    assert f"{name}:{last}" in shown(bench)


def test_a_parameter_out_of_range_changes_nothing():
    bench = quiet_bench()
    assert bench.ask(b"AT+IFC=1,3\r") == ERROR
    assert bench.ask(b"AT+MS=V21,2\r") == ERROR
    assert "+IFC:2,2" in shown(bench)
    assert "+MS:V34,1,0,0,0,0" in shown(bench)


def test_ms_takes_the_numbers_of_older_makers_and_reads_as_names():
    bench = quiet_bench()
    assert bench.ask(b"AT+MS=10,0,300,14400;+MS?\r") == b"\r\n+MS: V32B,0,300,14400,0,0\r\n" + OK
    assert bench.ask(b"AT+MS=4\r") == ERROR


def test_an_s_parameter_without_a_value_is_0_where_it_may_be():
    bench = quiet_bench()
    assert bench.ask(b"ATS0=5\r") == OK
    assert bench.ask(b"ATS0=\r") == OK
    assert bench.ask(b"ATS0?\r") == b"\r\n000\r\n" + OK
    assert bench.ask(b"ATS0=3S0=S8=V1\r") == OK
    assert bench.ask(b"ATS0?S8?\r") == b"\r\n000\r\n\r\n000\r\n" + OK
    assert bench.ask(b"ATS7=\r") == ERROR
    assert bench.ask(b"ATS7?\r") == b"\r\n030\r\n" + OK


def test_two_profiles_are_stored_and_f_touches_neither():
    bench = quiet_bench()
    assert bench.ask(b"ATS8=4&W0S8=5&W1S8=6&F\r") == OK
    bench.ask(b"ATE0\r")
    for command, value in ((b"ATZ0", b"004"), (b"ATZ1", b"005"), (b"ATZ", b"004"), (b"AT&F1E0", b"002")):
        assert bench.ask(command + b"\r").endswith(OK)
        assert bench.ask(b"ATS8?\r") == b"\r\n" + value + b"\r\n" + OK


def test_and_y_chooses_the_profile_that_a_drop_of_dtr_restores():
    bench = quiet_bench()
    assert bench.ask(b"ATS8=4&D3&W0S8=5&W1&Y1S8=6\r") == OK
    assert "&Y1" in shown(bench)
    bench.modem.dtr_drop(bench.now_ms)
    assert bench.modem.profile.s[8] == 5


@pytest.mark.parametrize(("line", "flow"), [(b"&F", "2,2"), (b"&F0", "2,2"), (b"&F1", "2,2"), (b"&F2", "1,1")])
def test_and_f2_has_flow_control_by_characters(line, flow):
    bench = quiet_bench()
    bench.ask(b"AT&K0S8=9\r")
    bench.type(b"AT" + line + b"\r")
    assert f"+IFC:{flow}" in shown(bench)
    assert "S08:002" in shown(bench)


@pytest.mark.parametrize(
    ("line", "k", "ifc", "q"),
    [
        (b"&K", 0, "0,0", 0), (b"&K1", 1, "2,2", 3), (b"&K2", 2, "1,1", 1),
        (b"&K3", 3, "2,2", 3), (b"&K4", 4, "1,1", 1),
        (b"&K5", 5, "3,1", 3), (b"&K6", 6, "1,2", 3), (b"+IFC=0,0", 0, "0,0", 0), (b"+IFC=1,1", 4, "1,1", 1),
        (b"+IFC=3,1", 5, "3,1", 3), (b"+IFC=0,2", 3, "0,2", 2), (b"\\Q0", 0, "0,0", 0), (b"\\Q1", 4, "1,1", 1),
        (b"\\Q2", 3, "0,2", 2), (b"\\Q3", 3, "2,2", 3), (b"&K0+IFC=2,2", 3, "2,2", 3),
    ],
)  # fmt: skip
def test_k_q_and_ifc_say_the_same(line, k, ifc, q):
    bench = quiet_bench()
    assert bench.ask(b"AT" + line + b"\r") == OK
    told = shown(bench)
    assert f"&K{k}" in told and f"+IFC:{ifc}" in told and f"\\Q{q}" in told, told
    assert set(K_FLOWS) == set(range(SETTINGS["&K"][0] + 1))


# -- effects


def online_with(line: bytes):
    bench = quiet_bench()
    assert bench.ask(line + b"\r").endswith(OK)
    bench.type(b"ATDT5550100\r")
    assert bench.run(1380).endswith(CONNECT)
    return bench


@pytest.mark.parametrize("line", [b"AT&K0", b"AT&K4", b"AT+IFC=2,0", b"AT+IFC=0,1"])
def test_without_circuit_106_the_dte_may_always_send_and_the_excess_is_lost(line):
    bench = online_with(line)
    bench.type(b"x" * BUFFER_BYTES)
    assert bench.modem.clear_to_send(bench.now_ms) == BUFFER_BYTES
    bench.type(b"y" * 10)
    assert bench.modem.lost_bytes == 10


@pytest.mark.parametrize("line", [b"AT&K3", b"AT&K6", b"AT+IFC=0,2", b"AT&F1E0"])
def test_with_circuit_106_it_may_send_what_there_is_room_for(line):
    bench = online_with(line)
    bench.type(b"x" * BUFFER_BYTES)
    assert bench.modem.clear_to_send(bench.now_ms) == 0
    assert XOFF not in bench.run(1000)


@pytest.mark.parametrize("line", [b"AT&K4", b"AT&K5", b"AT+IFC=0,1"])
def test_flow_control_by_characters_stops_the_dte_and_lets_it_go_on(line):
    bench = online_with(line)
    bench.type(b"x" * (BUFFER_BYTES * 3 // 4))
    assert XOFF not in bench.said()
    bench.type(b"x" * 10)
    assert bench.said() == XOFF
    bench.type(b"x" * 100)
    said, started_ms = bench.run(60_000), bench.now_ms - 60_000
    assert said.count(XON) == 1 and XOFF not in said
    assert said.replace(XON, b"") == b"x" * (BUFFER_BYTES * 3 // 4 + 110)
    left_ms = (BUFFER_BYTES // 2 + 110) * 10_000 / 2400  # until a quarter is left
    assert started_ms + left_ms == pytest.approx(started_ms + (said.index(XON) + 1) * 10_000 / 2400, abs=20)
    assert bench.modem.lost_bytes == 0


def test_a_dte_that_was_stopped_is_let_go_on_when_the_call_ends():
    bench = online_with(b"AT&K4")
    bench.type(b"x" * BUFFER_BYTES)
    assert bench.said() == XOFF
    bench.modem.dtr_drop(bench.now_ms)
    assert bench.ask(b"") == XON + NO_CARRIER


@pytest.mark.parametrize(("line", "passed"), [(b"AT&K4", b"abc"), (b"AT+IFC=1,0", b"abc"), (b"AT&K5", b"a\x13bc\x11")])
def test_the_dte_stops_the_modem_by_characters(line, passed):
    bench = online_with(line)
    bench.type(b"a" + XOFF + b"bc")
    assert bench.run(1000) == b""
    bench.type(XON)
    assert bench.run(1000) == passed


def test_while_the_modem_is_stopped_it_keeps_a_buffer_and_counts_what_is_lost():
    bench = online_with(b"AT&K4")
    bench.type(XOFF)
    bench.type(b"z" * BUFFER_BYTES)
    bench.run(60_000)
    bench.type(b"12345")
    assert bench.run(1000).strip(XON + XOFF) == b""
    assert bench.modem.lost_bytes == 5
    bench.type(XON)
    assert bench.said() == b"z" * BUFFER_BYTES
    bench.type(b"on")
    assert bench.run(1000) == b"on"


def test_what_was_kept_for_a_dte_that_stopped_the_modem_comes_before_no_carrier():
    bench = online_with(b"AT&K4S10=1")
    bench.type(XOFF + b"last words")
    bench.run(1000)
    bench.exchange.drop(bench.port, bench.now_ms)
    assert bench.run(1000) == b"last words" + NO_CARRIER
    assert bench.ask(b"AT\r") == OK


@pytest.mark.parametrize("line", [b"AT&K0", b"AT&K3"])
def test_without_flow_control_by_characters_they_are_data(line):
    bench = online_with(line)
    bench.type(XOFF + b"a" + XON)
    assert bench.run(1000) == XOFF + b"a" + XON


def test_s10_of_255_never_hangs_up_for_a_lost_carrier():
    bench = online_with(b"ATS10=255")
    bench.exchange.drop(bench.port, bench.now_ms)
    assert bench.run(3_600_000) == b""
    assert bench.modem.state is State.ONLINE
    bench.type(b"+++")
    assert bench.run(1000) == OK
    assert bench.ask(b"ATH\r") == OK
    assert not bench.port.off_hook
    bench.type(b"ATDT5550100\r")
    assert bench.run(2000) == CONNECT


def test_s10_of_254_does():
    bench = online_with(b"ATS10=254")
    bench.exchange.drop(bench.port, bench.now_ms)
    assert bench.run(25_399) == b""
    assert bench.run(1) == NO_CARRIER


def test_s30_hangs_up_when_nothing_was_said_for_so_long():
    bench = online_with(b"ATS30=2")
    bench.run(15_000)
    bench.type(b"a")
    assert bench.run(20_000) == b"a"
    assert bench.run(100) == NO_CARRIER
    bench = escaped()
    bench.ask(b"ATS30=1\r")
    assert NO_CARRIER in bench.run(10_000)


def test_s29_is_the_length_of_a_flash():
    bench = quiet_bench()
    bench.type(b"ATS29=200D5!550100\r")
    bench.run_until(lambda: bench.modem.state is State.ONLINE, 60_000)
    assert bench.now_ms == 100 + 7 * 140 + 2000 + 300


def test_reports_come_before_connect_where_they_are_asked_for():
    bench = quiet_bench()
    bench.ask(b"AT+MR=1;+ER=1;+DR=1\r")
    bench.type(b"ATDT5550100\r")
    reports = b"\r\n+MCR: V22B\r\n\r\n+MRR: 2400\r\n\r\n+ER: NONE\r\n\r\n+DR: NONE\r\n"
    assert bench.run(1380) == reports + CONNECT
    bench.run(1000)
    bench.type(b"+++")
    bench.run(1000)
    assert bench.ask(b"ATO\r") == CONNECT


def test_q1_suppresses_the_reports():
    bench = quiet_bench()
    bench.ask(b"AT+MR=1Q1\r")
    bench.ask(b"AT+MR=1;Q1\r")
    bench.type(b"ATDT5550100\r")
    assert bench.run(2000) == b""


def test_a_call_without_reports_says_connect_alone():
    assert online().modem.profile.parameters["+MR"] == ("0",)
