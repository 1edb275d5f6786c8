"""The bytes of one line: opening, waiting, losing, logging. At the other end a pretend device or a socket."""

import re
import socket
import threading
import time

import pytest
import serial
from testbed.hil import connection as connection_module
from testbed.hil.connection import Connection, ConnectionFailed

from tests.helpers.pretend_board import PretendBoard, pretend_board, wait_until


@pytest.fixture
def connect():
    made = []

    def make(url, **options):
        made.append(Connection("console", str(url), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def line(tmp_path, connect):
    """(pretend device that echoes, an open connection to it)."""
    with pretend_board(tmp_path / "p", lambda data: data) as board:
        connection = connect(tmp_path / "p", log=tmp_path / "logs" / "console.log")
        connection.open()
        yield board, connection
        connection.close()


def test_bytes_cross_both_ways_unchanged(line):
    _, connection = line
    data = bytes(range(256)) * 40
    connection.write(data)
    got = b""
    deadline_s = time.monotonic() + 10
    while len(got) < len(data) and time.monotonic() < deadline_s:
        connection.wait_for_bytes(0.1)
        got += connection.read()
    assert got == data


def test_readline_until_gives_the_lines_up_to_the_one_that_matches_and_leaves_the_rest(line):
    board, connection = line
    board.say(b"one\r\ntwo\r\n@ 12 ready board=x\r\nthree\r\n")
    assert connection.readline_until(r"^@ \d+ ready", 5) == ["one", "two", "@ 12 ready board=x"]
    assert connection.readline(5) == b"three"


def test_waiting_in_vain_ends_in_time_and_tells_port_and_last_lines(line, tmp_path):
    board, connection = line
    board.say(b"hello\r\nworld\r\n")
    begin_s = time.monotonic()
    with pytest.raises(ConnectionFailed) as caught:
        connection.readline_until("ready", 0.5)
    assert 0.4 < time.monotonic() - begin_s < 5
    assert str(tmp_path / "p") in str(caught.value)
    assert "hello; world" in str(caught.value)


def test_clear_forgets_what_came_and_not_what_comes(line):
    board, connection = line
    board.say(b"old\n")
    wait_until(lambda: b"old" in bytes(connection._in))
    connection.clear()
    board.say(b"new\n")
    assert connection.readline(5) == b"new"


def test_unplugged_device_is_noticed_at_once_by_who_waits(line, tmp_path):
    board, connection = line
    threading.Timer(0.3, board.unplug).start()
    begin_s = time.monotonic()
    with pytest.raises(ConnectionFailed, match="unplugged") as caught:
        connection.readline(30)
    assert time.monotonic() - begin_s < 5
    assert str(tmp_path / "p") in str(caught.value)
    with pytest.raises(ConnectionFailed):
        connection.write(b"x")


def test_what_came_before_the_plug_was_pulled_can_still_be_read(line):
    board, connection = line
    board.say(b"last words")
    wait_until(lambda: b"words" in bytes(connection._in))
    board.unplug()
    wait_until(lambda: connection._lost is not None)
    assert connection.read() == b"last words"


def test_fault_of_the_board_ends_a_wait_long_before_its_time(tmp_path, connect):
    with pretend_board(tmp_path / "p"):
        words = []
        connection = connect(tmp_path / "p", fault=lambda: words[0] if words else None)
        connection.open()
        threading.Timer(0.2, words.append, ["the board process was killed by SIGKILL"]).start()
        begin_s = time.monotonic()
        with pytest.raises(ConnectionFailed, match="killed by SIGKILL"):
            connection.read_until(b">>> ", 30)
        assert time.monotonic() - begin_s < 5


def test_device_that_takes_nothing_does_not_hold_the_writer_up(line):
    board, connection = line
    board.deaf = True
    begin_s = time.monotonic()
    connection.write(bytes(1_000_000))
    assert time.monotonic() - begin_s < 1
    with pytest.raises(ConnectionFailed, match=r"\d+ bytes not taken in 0.5 s"):
        connection.flush(0.5)
    assert connection.unsent > 0


def test_slow_device_gets_everything_in_order(line):
    board, connection = line
    board.answer = lambda data: b""
    board.deaf = True
    data = bytes(n * 7 & 0xFF for n in range(200_000))
    connection.write(data)
    time.sleep(0.2)
    board.deaf = False
    connection.flush(30)
    wait_until(lambda: len(board.heard) >= len(data))
    assert board.heard == data


def test_port_that_is_not_there_says_so(tmp_path, connect):
    with pytest.raises(ConnectionFailed, match="no such port; is the board plugged in"):
        connect(tmp_path / "nothing").open(0.2)


def test_port_that_comes_up_late_is_waited_for(tmp_path, connect):
    made = []
    timer = threading.Timer(0.5, lambda: made.append(PretendBoard(tmp_path / "late")))
    timer.start()
    connection = connect(tmp_path / "late")
    connection.open(10)
    assert connection.is_open
    timer.join()
    made[0].close()


def test_port_in_use_says_so_without_waiting(line, tmp_path, connect):
    begin_s = time.monotonic()
    with pytest.raises(ConnectionFailed, match="in use by another program"):
        connect(tmp_path / "p").open(30)
    assert time.monotonic() - begin_s < 5


def test_misspelt_url_says_so(connect):
    with pytest.raises(ConnectionFailed, match="nosuch://x"):
        connect("nosuch://x").open(0.1)


def test_control_lines_stand_before_the_port_is_opened(connect, monkeypatch):
    """pyserial raises both when it opens, unless it was told: on an ESP32 that is a reset."""
    told = []

    class Port:
        dtr = rts = exclusive = "untold"

        def open(self):
            told.append((self.dtr, self.rts, self.exclusive))

        def read(self, count):
            time.sleep(0.01)
            return b""

        def close(self):
            pass

    monkeypatch.setattr(connection_module.serial, "serial_for_url", lambda *args, **options: Port())
    for wanted in ((True, False), (False, True), (None, None)):
        connect("x", dtr=wanted[0], rts=wanted[1]).open()
    assert told == [(True, False, True), (False, True, True), ("untold", "untold", True)]


def test_opening_a_port_by_itself_would_raise_dtr():
    """What the test before guards against is real: this is what pyserial does unasked."""
    port = serial.Serial()
    assert (port.dtr, port.rts) == (True, True)


def test_socket_url_carries_bytes_and_its_end_is_noticed(connect):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = connect(f"socket://127.0.0.1:{server.getsockname()[1]}")
        connection.open()
        peer, _ = server.accept()
        with peer:
            connection.write(b"ping\n")
            assert peer.recv(100) == b"ping\n"
            peer.sendall(b"pong\n")
            assert connection.readline(5) == b"pong"
        with pytest.raises(ConnectionFailed, match="socket://"):
            connection.readline(10)


def test_log_has_every_line_with_its_time_and_way(line, tmp_path):
    board, connection = line
    board.answer = lambda data: b""
    connection.write(b"status\n")
    wait_until(lambda: board.heard == b"status\n")
    board.say(b"@ 5 sta")
    time.sleep(0.05)
    board.say(b"tus \xff\r\n>>> ")
    connection.read_until(b">>> ", 5)
    connection.close()
    log = (tmp_path / "logs" / "console.log").read_text().splitlines()
    entries = [re.fullmatch(r" *(\d+\.\d{3}) ([<>*]) (.*)", entry).groups() for entry in log]
    times = [float(at_s) for at_s, _, _ in entries]
    assert times == sorted(times)
    assert [(way, words) for _, way, words in entries][1:] == [
        (">", "status"),
        ("<", "@ 5 status \\xff"),
        ("<", ">>> "),
        ("*", "closed"),
    ]


def test_log_of_a_line_that_is_no_text_has_sizes_and_beginnings(tmp_path, connect):
    with pretend_board(tmp_path / "p") as board:
        connection = connect(tmp_path / "p", log=tmp_path / "tuner.log", text=False)
        connection.open()
        connection.write(bytes(188))
        wait_until(lambda: len(board.heard) == 188)
        board.say(b"ATZ\r")
        wait_until(lambda: connection.read() == b"ATZ\r")
        connection.close()
    log = (tmp_path / "tuner.log").read_text()
    assert re.search(r"> 188 octets (00){48}\.\.\.\n", log)
    assert "< 4 octets 'ATZ\\r'\n" in log
