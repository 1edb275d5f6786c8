"""`ringcast modem` and `ringcast ring` as processes: link, socket, log, signals, refusals. In real time, so few."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.modem_process import modem_command, ring, running_modem


class Terminal:
    """The other side of the pseudo-terminal."""

    def __init__(self, link):
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def say(self, data: bytes, wait_for: bytes, limit_s: float = 10) -> bytes:
        """Types `data`, reads up to `wait_for`."""
        if data:
            os.write(self.fd, data)
        heard = b""
        deadline = time.monotonic() + limit_s
        while wait_for not in heard:
            left_s = deadline - time.monotonic()
            assert left_s > 0, heard
            if select.select([self.fd], [], [], left_s)[0]:
                heard += os.read(self.fd, 4096)
        return heard


def test_a_call_a_ring_and_a_clean_end(tmp_path):
    link = tmp_path / "modem"
    with running_modem(link, "--echo", "--setup-ms", "0", "--rate", "9600") as process:
        assert link.is_symlink()
        with Terminal(link) as terminal:
            terminal.say(b"ATE0\r", b"OK\r\n")
            terminal.say(b"ATDT5550100\r", b"CONNECT 9600\r\n")
            assert terminal.say(b"hello", b"hello") == b"hello"
        with Terminal(link) as terminal:  # at once: the close must not be missed
            terminal.say(b"AT\r", b"OK\r\n")  # command state: closing has hung up
            done = ring(link)
            assert (done.returncode, done.stderr) == (0, "")
            terminal.say(b"", b"RING\r\n")
            terminal.say(b"ATA\r", b"CONNECT 9600\r\n")
            again = ring(link)
            assert again.returncode == 1
            assert "engaged" in again.stderr
        process.send_signal(signal.SIGINT)
        log, _ = process.communicate(timeout=10)
        assert process.returncode == 0
    assert "5550199 dials 5550100" in log
    assert "5550199 to 5550100: caller hung up" in log
    assert "5550199 answers 5550198" in log
    assert sorted(tmp_path.iterdir()) == []


SCRIPT = "import sys; open(sys.argv[1], 'wb', buffering=0).write(sys.argv[2].encode())"


def test_a_script_that_writes_beside_a_terminal_does_not_end_its_call(tmp_path):
    link = tmp_path / "modem"
    with running_modem(link, "--echo", "--setup-ms", "0", "--rate", "9600") as process:
        with Terminal(link) as terminal:
            terminal.say(b"ATE0\r", b"OK\r\n")
            terminal.say(b"ATDT5550100\r", b"CONNECT 9600\r\n")
            for words in ("one", "two", "three"):
                subprocess.run([sys.executable, "-c", SCRIPT, str(link), words], check=True, timeout=30)
                assert terminal.say(b"", words.encode()) == words.encode()
            with Terminal(link), Terminal(link):
                pass
            assert terminal.say(b"still here", b"still here") == b"still here"
            second = Terminal(link)
        with second:  # the first has gone, the call stays with the second
            assert second.say(b"and here", b"and here") == b"and here"
        with Terminal(link) as terminal:
            terminal.say(b"AT\r", b"OK\r\n")  # command state: the last close has hung up
        process.send_signal(signal.SIGINT)
        log, _ = process.communicate(timeout=10)
    assert log.count("caller hung up") == 1


@pytest.mark.parametrize("action", [0, 1, 2, 3])
def test_what_the_last_close_does_is_as_and_d_has_it(tmp_path, action):
    link = tmp_path / "modem"
    with running_modem(link, "--echo", "--setup-ms", "0", "--rate", "115200") as process:
        with Terminal(link) as terminal:
            terminal.say(b"ATE0S7=44&D%d\r" % action, b"OK\r\n")
            terminal.say(b"ATDT5550100\r", b"CONNECT 115200\r\n")
            with Terminal(link):
                pass
            assert terminal.say(b"a", b"a") == b"a"
        with Terminal(link) as terminal:
            if action == 0:
                assert terminal.say(b"hi", b"hi") == b"hi"  # the call is up, and online
            else:
                s7 = b"030" if action == 3 else b"044"
                assert s7 in terminal.say(b"ATS7?\r", b"OK\r\n")
                answer = b"CONNECT" if action == 1 else b"ERROR"
                assert answer in terminal.say(b"ATO\r", answer)  # back to the call, where there is one
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


@pytest.mark.parametrize(("setup", "held"), [(b"&K3", True), (b"+IFC=0,0", False)])
def test_the_pty_is_read_as_ifc_has_it(tmp_path, setup, held):
    link = tmp_path / "modem"
    with running_modem(link, "--setup-ms", "0", "--rate", "1200"), Terminal(link) as terminal:
        terminal.say(b"ATE0" + setup + b"\r", b"OK\r\n")
        terminal.say(b"ATDT5550100\r", b"CONNECT 1200\r\n")
        os.set_blocking(terminal.fd, False)
        written = 0
        while written < 65_536 and select.select([], [terminal.fd], [], 1)[1]:
            written += os.write(terminal.fd, b"x" * 1024)
    assert (written < 65_536) == held


def test_sigterm_ends_with_status_0_and_an_idle_modem_uses_no_cpu(tmp_path):
    with running_modem(tmp_path / "m") as process:

        def cpu_ticks():
            return sum(int(x) for x in open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])

        before = cpu_ticks()
        time.sleep(0.5)
        assert cpu_ticks() - before <= 0.1 * os.sysconf("SC_CLK_TCK")
        process.terminate()
        assert process.wait(10) == 0


def refusal(link, *options):
    done = subprocess.run(modem_command(link, *options), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_is_no_symlink_is_not_overwritten(tmp_path):
    link = tmp_path / "modem"
    link.write_text("precious")
    assert "no symlink" in refusal(link)
    assert link.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [link]


def test_a_second_modem_at_the_same_link_is_refused_and_the_first_goes_on(tmp_path):
    link = tmp_path / "modem"
    with running_modem(link):
        assert "runs already" in refusal(link)
        with Terminal(link) as terminal:
            terminal.say(b"AT\r", b"OK\r\n")


def test_what_a_killed_modem_left_behind_is_taken_over(tmp_path):
    link = tmp_path / "modem"
    with running_modem(link) as process:
        process.kill()
        process.wait(10)
        assert link.is_symlink()
    with running_modem(link), Terminal(link) as terminal:
        terminal.say(b"AT\r", b"OK\r\n")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    assert "folder that exists" in refusal(tmp_path / "no" / "modem")


def test_a_long_path_works(tmp_path):
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with running_modem(folder / "modem", "--setup-ms", "0"):
        assert ring(folder / "modem").returncode == 0


def test_ringing_without_a_modem_says_how_to_start_one(tmp_path):
    done = ring(tmp_path / "modem")
    assert done.returncode == 1
    assert "ringcast modem --link" in done.stderr


@pytest.mark.parametrize("data", [b"", b"ring", b"ring x", b"ring 99999999", b"\xff" * 64])
def test_nonsense_at_the_socket_is_answered_and_survived(tmp_path, data):
    import socket

    link = tmp_path / "m"
    with running_modem(link):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(link) + ".ctl")
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(200).startswith(b"error")
        with Terminal(link) as terminal:
            terminal.say(b"AT\r", b"OK\r\n")
