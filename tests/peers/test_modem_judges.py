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
