"""`ringcast board` as a process: mpremote, pyserial and signals use it as they would a board. Real time, so few."""

import os
import signal
import subprocess
import sys
import time

import pytest
import serial
from settop.errors import LocalError
from testbed.boards import load_board
from testbed.hil import board_flash
from testbed.hil.board_flash import keep_flash
from testbed.hil.board_process import BoardProcess
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import files_start, flash_image
from testbed.machines.pico_usb import UsbConsole
from testbed.runtimes import RuntimeUnavailable, network_image, pico_image

from tests.helpers.commands import ringcast
from tests.helpers.ppp_end import PppEnd
from tests.helpers.pretend_board import wait_until

pytestmark = pytest.mark.pico


@pytest.fixture(scope="module", autouse=True)
def image():
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A board for tests that leave it as it was."""
    board = BoardProcess(tmp_path_factory.mktemp("board") / "pico")
    board.start()
    yield board
    board.close()


@pytest.fixture
def start(tmp_path):
    made = []

    def make(*options):
        made.append(BoardProcess(tmp_path / "pico", *options))
        made[-1].start()
        return made[-1]

    yield make
    for board in made:
        board.close()


def mpremote(board, *words):
    """What mpremote printed; it must succeed."""
    command = [sys.executable, "-m", "mpremote", "connect", str(board.ports["usb"]), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_mpremote_runs_code_on_it(shared):
    assert mpremote(shared, "exec", "print(1+1)").strip() == "2"


def test_mpremote_copies_a_file_there_and_back_across_a_soft_reset(shared, tmp_path):
    data = bytes(range(256)) * 60
    (tmp_path / "there").write_bytes(data)
    mpremote(shared, "fs", "cp", str(tmp_path / "there"), ":a.bin")
    assert "a.bin" in mpremote(shared, "soft-reset", "exec", "import os; print(os.listdir())")
    mpremote(shared, "fs", "cp", ":a.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    mpremote(shared, "fs", "rm", ":a.bin")


def test_usb_loses_nothing_toward_a_reader_that_pauses(shared):
    """Twice what a pty and the host's buffers hold; the board waits, as it does for a real port that is not read."""
    count = 12_000
    with serial.Serial(str(shared.ports["usb"]), timeout=10, exclusive=True) as port:
        port.write(b"\x03\x03")
        port.read_until(b">>> ")
        port.write(b"for i in range(%d): print('%%12d' %% i)\r\n\r\n" % count)
        time.sleep(1.5)
        heard = b""
        while not heard.endswith(b"%12d\r\n>>> " % (count - 1)):
            more = port.read(max(1, port.in_waiting))
            assert more, f"nothing for 10 s after {len(heard)} bytes: {heard[-60:]!r}"
            heard += more
    numbers = [int(line) for line in heard.split(b"\r\n") if line.strip().isdigit()]
    assert numbers == list(range(count))


def test_host_that_is_slow_to_take_makes_the_board_wait_and_loses_nothing(image):
    """In virtual time: what the process does when nobody reads its USB port."""
    # It begins when the port is open: of what is said before, only the latest bytes are kept.
    main = b"import time\ntime.sleep_ms(100)\nn = 0\nwhile True:\n    print(n)\n    n += 1\n"
    machine = PicoMachine(image, TerminalSpec(files={"main.py": main}))
    machine.boot()
    now_ns, said, per_second = 0, b"", []
    for pace_us in (UsbConsole.PROMPT_US, 100_000, UsbConsole.PROMPT_US):
        start = len(said)
        for _ in range(500):
            now_ns += 1_000_000
            machine.advance(now_ns)
            machine.console.set_pace(pace_us)
            said += machine.take("console")
        per_second.append(2 * (len(said) - start))
    assert per_second[1] < 5_000 < per_second[0]
    assert per_second[2] > per_second[0] / 2
    numbers = [int(line) for line in said.split(b"\r\n")[:-1]]
    assert numbers == list(range(len(numbers)))


def test_uart_takes_on_the_rate_that_the_firmware_sets(shared):
    with serial.Serial(str(shared.ports["uart0"]), 9600, timeout=10) as line:
        mpremote(shared, "exec", "import machine; u = machine.UART(0, 9600); u.write(b'slow')")
        assert line.read(4) == b"slow"
        mpremote(shared, "resume", "exec", "u.init(921600); u.write(b'fast')")
        assert line.read(4) == b"fast"
        line.write(b"to the board")
        wait_until(lambda: "to the board" in mpremote(shared, "resume", "exec", "print(u.read())"))


def test_uart_nobody_has_open_is_a_cable_in_the_air(shared):
    """What is said meanwhile is gone, and holds nobody up."""
    mpremote(shared, "exec", "import machine; u = machine.UART(0, 921600)\nfor i in range(50): u.write(bytes(1000))")
    with serial.Serial(str(shared.ports["uart0"]), timeout=0.3) as line:
        assert line.read(1) == b""
        mpremote(shared, "resume", "exec", "u.write(b'now')")
        assert line.read(3) == b"now"


def test_opening_and_closing_the_port_is_no_reset(shared):
    mpremote(shared, "exec", "mark = 4711")
    for _ in range(3):
        with serial.Serial(str(shared.ports["usb"]), timeout=1):
            pass
    assert mpremote(shared, "resume", "exec", "print(mark)").strip() == "4711"


def test_power_cycle_keeps_the_flash_and_nothing_else(start):
    board = start()
    mpremote(board, "exec", "mark = 1\nwith open('kept', 'w') as f: f.write('yes')")
    for cut in (board.power_cycle, lambda: os.kill(board.pid, signal.SIGUSR1)):
        with serial.Serial(str(board.ports["usb"]), timeout=5) as port:
            cut()
            with pytest.raises(serial.SerialException):  # a USB port goes with its board
                while True:
                    port.read(100) or port.write(b"\r")
        wait_until(board.ports["usb"].exists)
        assert mpremote(board, "exec", "print(open('kept').read(), 'mark' in globals())").split() == ["yes", "False"]


def test_pulled_usb_plug_takes_the_port_away_and_the_board_runs_on(start):
    board = start()
    mpremote(board, "exec", "mark = 4711")
    with serial.Serial(str(board.ports["usb"]), timeout=5) as port:
        board.unplug()
        assert not board.ports["usb"].is_symlink()
        with pytest.raises(serial.SerialException):
            port.read(1)
        wait_until(lambda: "USB: port closed" in board.state())
    board.plug()
    assert mpremote(board, "resume", "exec", "print(mark)").strip() == "4711"


def test_sigterm_ends_it_with_status_0_and_takes_the_links_away(tmp_path):
    command = [sys.executable, "-m", "testbed.cli", "board", "--link", str(tmp_path / "p")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert "board ready" in process.stdout.readline()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["p-uart0", "p-uart1", "p-usb"]
        process.terminate()
        assert process.wait(10) == 0
        assert "board ended after" in process.stdout.read()
    assert list(tmp_path.iterdir()) == []


def test_flash_file_keeps_the_board_from_run_to_run_also_when_it_is_killed(start, tmp_path):
    kept = tmp_path / "flash"
    board = start("--flash", str(kept))
    mpremote(board, "exec", "open('first', 'w').close()")
    board.close()
    board = start("--flash", str(kept))
    mpremote(board, "exec", "open('second', 'w').close()")
    before = kept.stat().st_mtime_ns
    wait_until(lambda: kept.stat().st_mtime_ns != before or b"second" in kept.read_bytes())
    board.kill()
    board.close()
    board = start("--flash", str(kept))  # over the links that the killed one left
    assert mpremote(board, "exec", "import os; print(sorted(os.listdir()))").strip() == "['first', 'second']"
    assert kept.stat().st_mode & 0o777 == 0o600
    board.close()
    board = start("--flash", str(kept), "--blank")
    assert mpremote(board, "exec", "import os; print(os.listdir())").strip() == "[]"


def test_killed_board_is_told_with_its_signal(start):
    board = start()
    board.kill()
    assert "killed by SIGKILL" in board.fault()
    with pytest.raises(MachineError, match="killed by SIGKILL"):
        board.power_cycle()


def test_second_board_takes_neither_the_links_nor_the_flash_of_one_that_runs(start, tmp_path):
    kept = tmp_path / "flash"
    board = start("--flash", str(kept))
    ports = {name: path.readlink() for name, path in board.ports.items()}
    again = ringcast("board", "--link", tmp_path / "pico")
    assert again.status == 1
    assert "another `ringcast board` has --link" in again.complaint
    other = ringcast("board", "--link", tmp_path / "other", "--flash", kept)
    assert other.status == 1
    assert "another `ringcast board` has --flash" in other.complaint
    assert {name: path.readlink() for name, path in board.ports.items()} == ports
    assert mpremote(board, "exec", "print(1+1)").strip() == "2"


def test_disk_that_is_full_leaves_the_flash_as_it_was_and_names_it(tmp_path, monkeypatch):
    kept = tmp_path / "flash"
    keep_flash(kept, b"before")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(LocalError, match=f"cannot keep the flash in {kept}: No space left on device"):
        keep_flash(kept, b"after")
    assert kept.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [kept]


def test_firmware_option_starts_what_the_firmware_command_builds(monkeypatch, image):
    asked = []
    monkeypatch.setattr(
        board_flash, "firmware_image", lambda board, tell, network: asked.append((board.name, network)) or image
    )
    monkeypatch.setattr(board_flash, "network_image", lambda tell: asked.append("network") or image)
    for frozen, network in ((True, False), (True, True), (False, True)):
        assert board_flash.first_flash(None, frozen, None, False, print, network)[1] is image
    assert asked == [("pico", False), ("pico", True), "network"]


NETWORK_UP = b"""
import time, board
board.network_up()
while board.network_state() == "down":
    board.network_step()
    time.sleep_ms(1)
print("network", board.network_state())
while True:
    board.network_step()
    time.sleep_ms(1)
"""


def test_image_with_a_network_runs_on_the_flash_that_is_kept_and_its_uart_speaks_ppp(tmp_path, start):
    try:
        flash = flash_image(
            network_image().path,
            {
                **load_board("pico").board_modules(),
                "board_config.py": b"WIRES = {0: 'network', 1: 'tuner'}\n",
                "main.py": NETWORK_UP,
            },
        )
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    (tmp_path / "flash").write_bytes(b"\xff" * files_start(flash) + flash[files_start(flash) :])  # no image yet
    board = start("--network", "--flash", str(tmp_path / "flash"))
    end, said = PppEnd(), b""
    with serial.Serial(str(board.ports["uart0"]), timeout=0) as line, open_usb(board) as usb:
        until_s = time.monotonic() + 20
        while b"network up" not in said:
            assert time.monotonic() < until_s, said
            end.receive(line.read(4096))
            line.write(end.take())
            said += usb.read(4096)
            time.sleep(0.001)
    assert end.up and end.damaged == 0


def open_usb(board):
    return serial.Serial(str(board.ports["usb"]), timeout=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--link", "{tmp}/no/such/pico"], "choose a --link in a folder that exists"),
        (["--link", "{tmp}/p", "--flash", "{tmp}/short"], "--blank starts anew"),
        (["--link", "{tmp}/p", "--uf2", "{tmp}/short", "--firmware"], "not both"),
        (["--link", "{tmp}/p", "--uf2", "{tmp}/short", "--network"], "either --uf2 or --network"),
        (["--link", "{tmp}/p", "--uf2", "{tmp}/short"], "multiple of 512"),
        (["--link", "{tmp}/taken"], "is no symlink"),
        (["--link", "{tmp}/p", "--flash", "{tmp}"], "is no file"),
        (["--link", "{tmp}/p", "--flash", "{tmp}/no/such/flash"], "cannot keep the flash in {tmp}/no/such/flash"),
    ],
)
def test_refusals_take_one_line_and_leave_nothing(tmp_path, options, told):
    (tmp_path / "short").write_bytes(b"\0" * 100)
    (tmp_path / "taken-uart0").write_bytes(b"")
    done = ringcast("board", *(option.format(tmp=tmp_path) for option in options))
    assert done.status == 1
    assert told.format(tmp=tmp_path) in done.complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["short", "taken-uart0"]
