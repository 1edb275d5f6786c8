"""Getting a fresh start out of whatever a board is doing. The board is a pretend shell behind a pty."""

import re
import time

import pytest
from settop.link.mux import NOTICE
from testbed.hil.adapter import AttachedBoard
from testbed.hil.connection import Connection, ConnectionFailed
from testbed.hil.lines import start_afresh
from testbed.hil.machine import SerialMachine
from testbed.machines.base import MachineError, TerminalSpec

from tests.helpers.pretend_board import BANNER, READY, Shell, pretend_board


@pytest.fixture
def console(tmp_path):
    connection = Connection("console", str(tmp_path / "usb"))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("state", "options"),
    [
        ("running", {}),
        ("deaf to the first five Ctrl-C", {"stubborn": 6}),
        ("raw repl", {"raw": True}),
    ],
)
def test_fresh_start_from_any_state_takes_one_reset(console, tmp_path, state, options):
    shell = Shell(**options)
    with pretend_board(tmp_path / "usb", shell):
        console.open()
        start_afresh(console)
        assert console.readline(5).startswith(b"@ 12 ready")
        assert shell.resets == 1
        console.close()


def test_half_a_line_at_the_prompt_is_dropped_and_not_obeyed(console, tmp_path):
    shell = Shell(raw=True)
    shell(b"\x02")
    shell.line = b"import os; os.remove('main.py')"
    with pretend_board(tmp_path / "usb", shell) as board:
        console.open()
        start_afresh(console)
        assert shell.resets == 1
        assert b"\r" not in board.heard and b"\n" not in board.heard
        console.close()


def test_program_that_chatters_without_end_is_stopped(console, tmp_path):
    shell = Shell(stubborn=3)
    with pretend_board(tmp_path / "usb", shell) as board:
        console.open()
        board.say(b"0123456789abcde\r\n" * 2000)
        start_afresh(console)
        assert shell.resets == 1
        console.close()


@pytest.mark.parametrize(("answer", "told"), [(b"", "it says nothing"), (b"\xfe\x00?", "xfe")])
def test_port_that_leads_to_no_micropython_is_told_within_seconds(console, tmp_path, answer, told, monkeypatch):
    monkeypatch.setattr("testbed.hil.lines.PROMPT_LIMIT_S", 1.5)
    with pretend_board(tmp_path / "usb", lambda data: answer):
        console.open()
        begin_s = time.monotonic()
        with pytest.raises(ConnectionFailed, match="no MicroPython prompt") as caught:
            start_afresh(console)
        assert time.monotonic() - begin_s < 15
        assert told in str(caught.value)
        console.close()


# --- The same through the machine: three pretend ports. -----------------------------------------------------------


@pytest.fixture
def machine(tmp_path):
    """machine(shell): a SerialMachine on a pretend board; (machine, its three pretend ports)."""
    ports, machines = [], []

    def make(shell, link="uarts"):
        urls = {}
        for name, answer in (("console", shell), ("modem", lambda data: b""), ("tuner", lambda data: b"")):
            ports.append(pretend_board(tmp_path / name, answer))
            ports[-1].device = ports[-1].__enter__()
            urls[name] = str(tmp_path / name)
        machines.append(SerialMachine(AttachedBoard(urls), TerminalSpec(files={}), link))
        return machines[-1], [port.device for port in ports]

    yield make
    for each in machines:
        each.close()
    for port in ports:
        port.__exit__(None, None, None)


def test_boot_ends_with_the_ready_line_in_hand(machine):
    booted, _ = machine(Shell())
    booted.boot()
    assert READY in booted.take("console")


@pytest.mark.parametrize(
    ("link", "says_first", "told"),
    [
        ("uarts", NOTICE, "LINK = 'cable', all lines on this port: say --link cable"),
        ("cable", b"", "LINK = 'uarts', serial lines of their own for modem and tuner: name them with --modem-port"),
    ],
)
def test_board_that_is_set_up_for_the_other_link_is_told_at_boot(machine, link, says_first, told):
    booted, _ = machine(Shell(terminal=says_first + READY), link)
    with pytest.raises(MachineError, match=re.escape(told)):
        booted.boot()


def test_board_that_says_that_it_speaks_frames_is_what_a_cable_expects(machine):
    booted, _ = machine(Shell(terminal=NOTICE + READY), "cable")
    booted.boot()


def test_lines_lead_to_their_ports(machine):
    booted, (_, modem, tuner) = machine(Shell())
    booted.boot()
    modem.answer, tuner.answer = lambda data: b"OK", lambda data: b"clear"
    booted.send("modem", b"AT\r")
    booted.send("tuner", b"\x47")
    heard = {"modem": b"", "output": b""}
    deadline_s = time.monotonic() + 10
    while heard != {"modem": b"OK", "output": b"clear"}:
        assert time.monotonic() < deadline_s, heard
        booted.advance(time.monotonic_ns() + 5_000_000)
        heard = {line: said + booted.take(line) for line, said in heard.items()}
    assert (modem.heard, tuner.heard) == (b"AT\r", b"\x47")


@pytest.mark.parametrize(
    ("terminal", "told"),
    [
        (b'Traceback (most recent call last):\r\n  File "main.py", line 6\r\nOSError: 5\r\n' + BANNER, "OSError: 5"),
        (BANNER, "ringcast flash"),
    ],
)
def test_board_without_a_terminal_on_it_is_told_apart_at_once(machine, terminal, told):
    booted, _ = machine(Shell(terminal=terminal))
    begin_s = time.monotonic()
    with pytest.raises(MachineError, match=told):
        booted.boot()
    assert time.monotonic() - begin_s < 10


def test_terminal_that_never_gets_ready_fails_with_what_it_said(machine, monkeypatch):
    monkeypatch.setattr("testbed.hil.lines.READY_LIMIT_S", 0.5)
    booted, _ = machine(Shell(terminal=b"@ 3 error flash\r\n"))
    with pytest.raises(MachineError, match="@ 3 error flash"):
        booted.boot()


def test_firmware_that_ends_later_fails_the_next_advance_with_its_traceback(machine):
    booted, (console, _, _) = machine(Shell())
    booted.boot()
    console.say(b'Traceback (most recent call last):\r\n  File "x.py"\r\nMemoryError: 1024\r\n' + BANNER)
    with pytest.raises(MachineError, match=r"the firmware ended: .*MemoryError: 1024$"):
        for _ in range(1000):
            booted.advance(time.monotonic_ns() + 5_000_000)


@pytest.mark.parametrize("pulled", ["console", "modem", "tuner"])
def test_any_pulled_cable_fails_the_next_advance_and_names_the_line(machine, pulled):
    booted, ports = machine(Shell())
    booted.boot()
    ports[["console", "modem", "tuner"].index(pulled)].unplug()
    begin_s = time.monotonic()
    with pytest.raises(MachineError, match=pulled):
        while time.monotonic() - begin_s < 30:
            booted.advance(time.monotonic_ns() + 5_000_000)
    assert time.monotonic() - begin_s < 5


def test_power_of_an_attached_board_is_nobodys_to_cut(machine):
    booted, _ = machine(Shell())
    booted.boot()
    with pytest.raises(MachineError, match="pull its plug by hand"):
        booted.power_cut()
    booted.advance(time.monotonic_ns())  # and it runs on


def test_attached_board_that_is_not_there_says_which_port_is_missing(tmp_path):
    urls = {"console": str(tmp_path / "usb"), "modem": "socket://127.0.0.1:1", "tuner": "socket://127.0.0.1:1"}
    machine = SerialMachine(AttachedBoard(urls), TerminalSpec(files={}))
    with pytest.raises(MachineError, match=f"no {tmp_path / 'usb'} for the console"):
        machine.boot()
    machine.close()
