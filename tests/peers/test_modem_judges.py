"""Programs that nobody here wrote meet our modem: Debian's chat, pyserial."""

import subprocess
import time

import pytest

from tests.helpers.modem_process import ring, running_modem

# chat leaves with 4 for the first ABORT string, 5 for the second, ...
ABORTS = ("BUSY", "NO ANSWER", "NO CARRIER", "NO DIALTONE", "ERROR")


@pytest.fixture(scope="module")
def link(tmp_path_factory):
    link = tmp_path_factory.mktemp("modem") / "tty"
    with running_modem(link, "--echo", "--setup-ms", "100"):
        yield link


def chat(program, link, *script):
    """chat's exit status and what it saw."""
    aborts = [word for text in ABORTS for word in ("ABORT", text)]
    with open(link, "r+b", buffering=0) as tty:
        done = subprocess.run(
            [program, "-v", "-S", "-t", "10", *aborts, *script],
            stdin=tty, stdout=tty, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    return done.returncode, done.stderr


def test_chat_dials_and_gets_connect(need, link):
    status, seen = chat(need("chat"), link, "", "ATZ", "OK", "ATDT5550100", "CONNECT 2400", r"\c")
    assert status == 0, seen


# as minicom, wvdial, Windows, and the manuals of Rockwell, USRobotics and Hayes have them
INIT_STRINGS = (
    "AT S7=45 S0=0 L1 V1 X4 &c1 E1 Q0",
    "ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0",
    "AT&F1E0Q0V1&C1&D2S0=",
    r"ATS7=60S30=0L0M1\\N3%C3&K3B0B15B2N1\\J1X4",
    "AT&F&Q5&K3&D2&C1S36=7S46=138S48=7S95=0W2",
    "AT+MS=V34,1,300,33600;+IFC=2,2;+ES=3,0,2;+DS=3",
)


@pytest.mark.parametrize("setup", INIT_STRINGS)
def test_chat_gets_ok_to_what_other_modems_take(need, link, setup):
    script = ("", "ATZ", "OK", setup, "OK", "ATDT5550100", "CONNECT 2400", r"\c")
    status, seen = chat(need("chat"), link, *script)
    assert status == 0, seen


@pytest.mark.parametrize("number", ["(555) 0100", '"5550100"', "555/0100", "555_01.00R", "[555]{0100}"])
def test_chat_dials_a_number_as_it_is_written(need, link, number):
    status, seen = chat(need("chat"), link, "", "ATZ", "OK", "ATDT" + number, "CONNECT 2400", r"\c")
    assert status == 0, seen


@pytest.mark.parametrize(
    ("setup", "number", "words"),
    [
        ("ATS7=30", "5550101", "BUSY"),
        ("ATS7=1", "5550102", "NO ANSWER"),
        ("ATX1S7=1", "5550102", "NO CARRIER"),
        ("ATS7=30", "5550104", "NO DIALTONE"),
        ("ATS7=30", "5559999", "NO CARRIER"),
        ("ATS7=30", "55501XY", "NO CARRIER"),
    ],
)
def test_chat_aborts_with_the_reason(need, link, setup, number, words):
    status, seen = chat(need("chat"), link, "", "ATZ", "OK", setup, "OK", "ATDT" + number, "CONNECT", r"\c")
    assert status == 4 + ABORTS.index(words), seen


def test_chat_aborts_on_an_error(need, link):
    status, seen = chat(need("chat"), link, "", "ATZ", "OK", "ATX9DT5550100", "CONNECT", r"\c")
    assert status == 4 + ABORTS.index("ERROR"), seen


def test_chat_sees_the_line_dropped(need, link):
    script = ("", "ATZ", "OK", "ATS10=1DT5550103", "CONNECT 2400", r"\c", "never said", r"\c")
    status, seen = chat(need("chat"), link, *script)
    assert status == 4 + ABORTS.index("NO CARRIER"), seen


def test_chat_sends_data_escapes_and_hangs_up(need, link):
    script = (
        "",
        "ATZ",
        "OK",
        "ATDT5550100",
        "CONNECT 2400",
        r"hello\c",
        "hello",
        r"\d\d+++\c",
        "OK",
        "ATH",
        "OK",
        r"\c",
    )
    status, seen = chat(need("chat"), link, *script)
    assert status == 0, seen


def test_chat_answers_a_call(need, link):
    program = need("chat")
    assert chat(program, link, "", "ATZ", "OK", r"\c")[0] == 0
    done = ring(link)
    assert done.returncode == 0, done.stderr
    status, seen = chat(program, link, "RING", "ATA", "CONNECT 2400", r"\c")
    assert status == 0, seen


def test_pyserial_holds_a_session(need_module, link):
    serial = need_module("serial", "pyserial")
    with serial.Serial(str(link), 9600, timeout=10) as port:

        def ask(command, end=b"OK\r\n"):
            port.write(command)
            return port.read_until(end)

        ask(b"ATZ\r")
        assert ask(b"AT+GMM\r") == b"AT+GMM\r\r\nringcast emulated modem\r\n\r\nOK\r\n"
        assert ask(b"ATE0V1S8?\r") == b"ATE0V1S8?\r\r\n002\r\n\r\nOK\r\n"
        assert ask(b"ATDT5550100\r", b"2400\r\n") == b"\r\nCONNECT 2400\r\n"
        data = bytes(range(256))
        started = time.monotonic()
        port.write(data)
        assert port.read(256) == data
        assert time.monotonic() - started > 256 * 10 / 2400
        time.sleep(1.2)
        port.write(b"+++")
        assert port.read_until(b"OK\r\n") == b"+++\r\nOK\r\n"
        assert ask(b"ATH\r") == b"\r\nOK\r\n"
