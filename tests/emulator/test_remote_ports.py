"""Boards whose ports are another machine's: every command by `rfc2217://` and `socket://`, and how it fails.

The server is pyserial's own side of RFC 2217 in front of a pseudo-terminal; a pretend board is behind that.
"""

import re
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from serial import rfc2217
from testbed.boards.profile import load_board
from testbed.deploy.errors import PortError, Unplugged
from testbed.deploy.flash import flash_board
from testbed.deploy.port import open_port
from testbed.deploy.repl import enter_repl, leave_repl
from testbed.hil.connection import Connection, ConnectionFailed
from testbed.hil.ports import open_serial

from tests.helpers.commands import ringcast
from tests.helpers.port_server import PortServer
from tests.helpers.pretend_board import BANNER, READY, Shell, pretend_board, wait_until
from tests.helpers.pretend_micropython import Pretence, PretendBoard

KINDS = pytest.mark.parametrize("telnet", [True, False], ids=["rfc2217", "socket"])
IDENTITY = ("--number", "5550100", "--tariff", "evening", "--portion-price", "5")


@pytest.fixture
def board(tmp_path):
    with PretendBoard(tmp_path, Pretence()) as pretend:
        yield pretend


@pytest.fixture
def serve():
    """serve(device, ...): a PortServer, which ends with the test."""
    made = []

    def make(device, **options):
        made.append(PortServer(device, **options).__enter__())
        return made[-1]

    yield make
    for server in made:
        server.end()


def closed_port():
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# The commands.


@KINDS
def test_flash_puts_everything_and_the_terminal_starts(board, serve, telnet):
    server = serve(board.port, telnet=telnet)
    ended = ringcast("flash", "--board", "pico", "--port", server.url, "--cores", "1")
    assert ended.status == 0, ended.err
    assert "every file has the hash that it must have" in ended.out
    assert board.state == "app" and "main.py" in board.files()
    again = ringcast("flash", "--board", "pico", "--port", server.url)
    assert "transferred 0 files" in again.out
    erased = ringcast("flash", "--board", "pico", "--port", server.url, "--erase", "--yes")
    assert erased.status == 0, erased.err
    assert board.files() == {}


@KINDS
def test_provision_speaks_with_the_board(board, serve, telnet, tmp_path):
    board.state = "app"
    board.is_.answers = {b"provision": b"@ 9 error no luck today\r\n"}
    server = serve(board.port, telnet=telnet)
    ended = ringcast("provision", "--db", tmp_path / "centre.db", *IDENTITY, "--port", server.url)
    assert (ended.status, ended.err.count("Traceback")) == (1, 0)
    assert ended.complaint.endswith("the board says: no luck today")


@KINDS
@pytest.mark.parametrize("goes", [False, True], ids=["board", "server"])
def test_demo_boots_the_board_and_says_in_one_line_what_ended_it(serve, telnet, goes, tmp_path):
    """The board's firmware, which has a fault, or the server."""
    shell = Shell()

    def console(data):
        if b"provision" not in data:
            return shell(data)
        if goes:
            threading.Thread(target=servers["usb"].end).start()
            return b""
        return b'Traceback (most recent call last):\r\n  File "x.py"\r\nOSError: 5\r\n' + BANNER

    names = ("usb", "modem", "tuner")
    answers = (console, lambda data: b"", lambda data: b"")
    with ExitStack() as boards:
        for name, answer in zip(names, answers, strict=True):
            boards.enter_context(pretend_board(tmp_path / name, answer))
        servers = {name: serve(tmp_path / name, telnet=telnet) for name in names}
        usb, modem, tuner = (servers[name].url for name in names)
        ended = ringcast(
            "demo", "--runtime", f"serial:{usb}", "--modem-port", modem, "--tuner-port", tuner,
            "--clip-seconds", "4", "--dial-at", "1", "--hang-up-at", "3", "--out", tmp_path / "out",
        )  # fmt: skip
    assert (ended.status, ended.err.count("Traceback")) == (1, 0), ended.err
    assert ("see that the server runs there" if goes else "the firmware ended: ") in ended.complaint
    assert usb in ended.complaint
    assert shell.resets == 1
    assert READY.decode().strip() in (tmp_path / "out/lines/console.log").read_text()


# What crosses.


@KINDS
def test_every_octet_crosses_both_ways_and_fast(serve, telnet, tmp_path):
    data = bytes(range(256)) * 800
    with pretend_board(tmp_path / "echo", lambda heard: heard):
        server = serve(tmp_path / "echo", telnet=telnet)
        connection = Connection("tuner", server.url, 921_600)
        connection.open()
        begin_s = time.monotonic()
        connection.write(data)
        got = b""
        while len(got) < len(data) and time.monotonic() < begin_s + 20:
            connection.wait_for_bytes(0.1)
            got += connection.read()
        connection.close()
    assert got == data


def test_rate_and_control_lines_reach_the_server(serve, tmp_path):
    with pretend_board(tmp_path / "p"):
        server = serve(tmp_path / "p")
        port = open_serial(server.url, 921_600, timeout_s=1, write_timeout_s=1, dtr=False, rts=True)
        assert (server.settings.baudrate, server.settings.dtr, server.settings.rts) == (921_600, False, True)
        port.close()


def test_a_board_that_talks_all_the_time_is_stopped_over_rfc2217(board, serve):
    board.is_.app_output, board.state = b"temperature \xff\xff 21\r\n", "app"
    server = serve(board.port)
    with open_port(server.url) as port:
        enter_repl(port, 5)
        assert port.ask("print(6*7)") == "42\n"
        leave_repl(port)


def test_telnet_commands_that_come_in_pieces_are_none_of_the_boards_words(tmp_path):
    """And a server that goes on negotiating, as some do."""
    from testbed.hil.network_port import Rfc2217Port

    port = Rfc2217Port()
    port._telnet_options, told = [], []
    port.telnet_send_option = lambda action, option: told.append(action + option)
    for piece in (b"ab\xff", b"\xfb", b"\x18cd\xff\xfa\x2c", b"\x6a\xff", b"\xff\xff\xf0ef\xff", b"\xffgh\xff\xf1"):
        port._take(piece)
    assert bytes(port._heard) == b"abcdef\xffgh"
    assert told == [rfc2217.DONT + b"\x18"]


# How it fails.


def complaint_of(*words):
    """One line, exit status 1, no traceback."""
    ended = ringcast(*words)
    assert ended.status == 1
    assert "Traceback" not in ended.err and ended.err.strip().count("\n") == 0, ended.err
    return ended.complaint


@pytest.mark.parametrize("scheme", ["rfc2217", "socket"])
@pytest.mark.parametrize("command", ["flash", "provision", "demo"])
@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("127.0.0.1:{closed}", "nothing listens there: start the server"),
        ("no-such-machine.invalid:4000", "no machine no-such-machine.invalid is known"),
        ("127.0.0.1", "is no {scheme} URL; expected {scheme}://HOST:PORT"),
        ("127.0.0.1:99999", "is no {scheme} URL; expected {scheme}://HOST:PORT"),
    ],
    ids=["refused", "unknown", "no port", "port too large"],
)
def test_what_cannot_be_reached_is_one_line_that_says_what_to_do(tmp_path, scheme, command, place, told):
    url = f"{scheme}://{place.format(closed=closed_port())}"
    words = {
        "flash": ("flash", "--board", "pico", "--port", url),
        "provision": ("provision", "--db", tmp_path / "centre.db", *IDENTITY, "--port", url),
        "demo": ("demo", "--runtime", f"serial:{url}", "--link", "cable", "--clip-seconds", "6", "--out", tmp_path),
    }[command]
    ended = ringcast(*words)
    assert ended.status == 1 and "Traceback" not in ended.err
    assert told.format(scheme=scheme) in ended.complaint
    assert url in ended.complaint


def test_a_server_of_plain_octets_is_told_from_rfc2217(board, serve):
    plain = serve(board.port, telnet=False).url.replace("socket", "rfc2217")
    said = complaint_of("flash", "--board", "pico", "--port", plain)
    assert "no RFC 2217 server is there" in said
    assert f"say {plain.replace('rfc2217', 'socket')}" in said


def test_a_server_without_control_lines_is_told_and_what_is_recommended_helps(board, serve):
    server = serve(board.port, deaf_to=(rfc2217.SET_CONTROL,))
    said = complaint_of("flash", "--board", "pico", "--port", server.url)
    assert "put ?ign_set_control at the end of the URL" in said
    ended = ringcast("flash", "--board", "pico", "--port", server.url + "?ign_set_control", "--dry-run")
    assert ended.status == 0, ended.err


def test_a_server_that_does_not_set_the_rate_is_told(board, serve):
    server = serve(board.port, refuses=("baudrate",))
    assert "does not set this rate" in complaint_of("flash", "--board", "pico", "--port", server.url)


@KINDS
def test_a_server_that_goes_in_the_middle_of_a_flash_is_one_line(board, serve, telnet):
    server = serve(board.port, telnet=telnet)
    with pytest.raises(Unplugged, match=rf"the connection to {re.escape(server.url)} broke .* that its server runs"):
        flash_board(server.url, load_board("pico"), progress=lambda *_: server.end())
    with pytest.raises(PortError, match="nothing listens there"):
        flash_board(server.url, load_board("pico"))
    assert flash_board(serve(board.port, telnet=telnet).url, load_board("pico")).ready


@KINDS
def test_a_server_that_goes_while_the_board_is_awaited_is_noticed_at_once(serve, telnet, tmp_path):
    with pretend_board(tmp_path / "p"):
        server = serve(tmp_path / "p", telnet=telnet)
        with open_port(server.url) as port:
            threading.Timer(0.3, server.end).start()
            begin_s = time.monotonic()
            with pytest.raises(Unplugged):
                while time.monotonic() < begin_s + 30:
                    port.read_some(10)
            assert time.monotonic() - begin_s < 5


@KINDS
def test_a_server_that_goes_ends_provisioning_with_one_line_and_no_subscriber(serve, telnet, tmp_path):
    server = None

    def answer(data):
        if b"provision" in data:
            threading.Thread(target=server.end).start()
        return b""

    with pretend_board(tmp_path / "p", answer):
        server = serve(tmp_path / "p", telnet=telnet)
        said = ringcast("provision", "--db", tmp_path / "centre.db", *IDENTITY, "--port", server.url)
    assert said.status == 1 and "Traceback" not in said.err
    assert "the connection to" in said.complaint and "say the same again" in said.complaint


@KINDS
def test_a_server_that_goes_is_noticed_by_a_connection(serve, telnet, tmp_path):
    with pretend_board(tmp_path / "p", lambda data: data):
        server = serve(tmp_path / "p", telnet=telnet)
        connection = Connection("console", server.url)
        connection.open()
        connection.write(b"hello\n")
        assert connection.readline(5) == b"hello"
        threading.Timer(0.2, server.end).start()
        with pytest.raises(ConnectionFailed, match="see that the server runs there"):
            connection.readline(30)
        connection.close()


@KINDS
def test_a_device_that_takes_nothing_holds_nobody_up_and_loses_nothing(serve, telnet, tmp_path):
    with pretend_board(tmp_path / "p") as slow:
        slow.deaf = True
        server = serve(tmp_path / "p", telnet=telnet)
        connection = Connection("tuner", server.url)
        connection.open()
        data = bytes(n * 7 & 0xFF for n in range(3_000_000))
        connection.write(data)
        with pytest.raises(ConnectionFailed, match="bytes not taken in 2 s"):
            connection.flush(2)
        slow.deaf = False
        connection.flush(60)
        wait_until(lambda: len(slow.heard) >= len(data), 60)
        assert slow.heard == data
        connection.close()


def test_a_thread_of_the_port_never_ends_with_a_traceback(tmp_path, capfd):
    """A server that answers nonsense, and goes while it is answered."""
    with socket.create_server(("127.0.0.1", 0)) as nonsense:

        def speak():
            client, _ = nonsense.accept()
            with client:
                client.recv(100)
                client.sendall(
                    b"\xff\xfb\x2c\xff\xfd\x2c\xff\xfd\x00\xff\xf0\xff\xfa\x2c\xff\xf0\xff\xfa\x2c\x65\xff\xf0" * 200
                )

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(PortError), open_port(f"rfc2217://127.0.0.1:{nonsense.getsockname()[1]}"):
            pass
        thread.join()
    assert "Traceback" not in capfd.readouterr().err
