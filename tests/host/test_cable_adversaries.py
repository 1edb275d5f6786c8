"""Boards that flood, lie, fall silent or fall to their prompt: the host's memory stays, and it finds its way back."""

import random

import pytest
from settop.errors import LocalError
from settop.link import mux
from testbed.line.cable import TAKEN_LIMIT_BYTES, WAITING_LIMIT_BYTES, CableHost
from testbed.machines.base import MachineError
from testbed.machines.cabled import HELLO_AGAIN_NS, QUIET_NS, CabledMachine

from tests.helpers.cable_line import HOST_WINDOWS, STREAM, BlockingLine, attached, drain, good_frame

MS = 1_000_000


def control(kind, *words):
    message = bytes((kind,)) + b"".join(words)
    frame = bytearray(mux.FRAME_BYTES)
    frame[0], frame[1] = mux.SYNC, mux.CONTROL
    return bytes(frame[: mux.seal(frame, message, len(message), mux.TABLE)])


def test_console_frames_without_end_take_bounded_memory_when_nobody_takes_them():
    """The console's credit is given back as its octets come, so it alone bounds nothing."""
    line, board, host = attached()
    text = "x" * 500
    for _ in range(3000):
        board.console.write_line(text)
        line.turn(host)
    board.console.write_line("the last")
    line.turn(host)
    said = host.take("console")
    assert TAKEN_LIMIT_BYTES // 2 < len(said) <= TAKEN_LIMIT_BYTES and said.endswith(b"the last\r\n")


def test_a_board_that_starts_again_and_again_takes_bounded_memory_when_nobody_takes_its_output():
    line, board, host = attached()
    for _ in range(60):
        board.output.write(bytes(32_000))
        board.modem.write(bytes(1000))
        line.turn(host)
        board = line.power_on()
        for _ in range(3):
            line.turn(host)
    assert host.sessions == 61
    board.modem.write(b"last")
    line.turn(host)
    modem = host.take("modem")
    assert len(modem) <= TAKEN_LIMIT_BYTES and modem.endswith(b"last")
    assert HOST_WINDOWS[STREAM] <= len(host.take("output")) <= TAKEN_LIMIT_BYTES


def test_what_waits_for_a_board_that_never_answers_is_bounded_and_what_is_lost_is_counted():
    host = CableHost(1)
    for name in ("tuner", "modem", "console"):
        for _ in range(5):
            host.send(name, bytes(WAITING_LIMIT_BYTES // 2))
        assert host.waiting(name) == WAITING_LIMIT_BYTES
    assert host.unsent == 3 * (WAITING_LIMIT_BYTES * 5 // 2 - WAITING_LIMIT_BYTES)


def test_a_prompt_in_a_damaged_frame_does_not_silence_the_host_for_ever():
    line, board, host = attached()
    board.output.write(b"payload with \n>>> in it\n>>> ")
    line.outward[20] ^= 0x40
    line.turn(host)
    assert host.damaged == 1
    board.console.write_line("here I am")
    line.turn(host)
    assert host.attached and not host.prompted
    host.send("modem", b"RING")
    line.turn(host)
    assert drain(board.modem) == b"RING"


def test_frames_without_credit_or_of_no_session_do_not_end_a_prompt():
    _line, _board, host = attached()
    host.receive(b"\r\n>>> " + good_frame(ord("s"), bytes(100), 60_000) + good_frame(ord("?"), b"x", 0))
    host.receive(control(mux.WELCOME, b"2\x11\x11c" + bytes(2)) + control(mux.HELLO, b"2\x00\x05c" + bytes(2)))
    assert host.prompted and not host.attached


@pytest.mark.parametrize("said", [b"\x1b[2J", b"\x00\xff", b"", b"12345678", b"\x07"])
def test_what_a_board_says_of_its_version_is_printable(said):
    host = CableHost(1)
    host.receive(b"# ringcast cable " + said + b"\r\n")
    assert not host.problem or host.problem.isprintable()


def test_a_board_that_was_flashed_anew_is_no_problem_any_more():
    line, _board, host = attached()
    host.receive(b"# ringcast cable 9\r\n")
    assert "version 9" in host.problem
    board = line.power_on()
    for _ in range(3):
        line.turn(host)
    assert host.attached and host.problem == ""
    board.modem.write(b"ATZ\r")
    line.turn(host)
    assert host.take("modem") == b"ATZ\r"


def test_notices_without_end_are_answered_with_one_hello_each_look_at_most():
    host = CableHost(1)
    host.data_to_send()
    host.receive(mux.NOTICE * 5000)
    assert len(host.data_to_send()) < 300


@pytest.mark.parametrize("way", ["inward", "outward"])
def test_a_lost_credit_is_asked_for_when_nothing_comes(way):
    """The last credit said how much may come. Where it was lost both ends would wait for ever."""
    line, board, host = attached()
    if way == "inward":  # the host's
        assert board.output.write(bytes(40_000)) == HOST_WINDOWS[STREAM]
        line.turn(host)
        host.take("output")
        assert host.data_to_send()  # and nobody hears it
    else:
        host.send("tuner", bytes(8192))
        line.turn(host)
        drain(board.tuner)
        board.poll()
        assert line.outward
        line.outward.clear()
    board.poll()
    assert board.output.write(b"x") == (way == "outward")
    host.send("tuner", b"y")
    assert bool(host.data_to_send()) == (way == "inward")
    host.quiet()
    for _ in range(3):
        line.turn(host)
    assert board.output.write(bytes(31_000)) == 31_000
    host.send("tuner", bytes(4000))
    line.turn(host)
    assert len(drain(board.tuner)) >= 4000


@pytest.mark.parametrize("seed", range(12))
def test_after_a_storm_on_the_line_all_of_it_flows_again_by_itself(seed):
    """Octets lost, changed and made up, both ways. Then nothing comes for a while, and the owner says so."""
    rng = random.Random(seed)

    def storm(data):
        data = bytearray(data)
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(data) + 1)
            if rng.random() < 0.4:
                del data[at : at + rng.choice((1, 5, 300, 9000))]
            elif rng.random() < 0.5:
                data[at:at] = rng.choice((b"\xa5", b"\xa5s\xf4\x00", bytes(7), b"\r\n", b"\n>>> "))
            elif data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
        if data:
            yield bytes(data).replace(b"\x03", b"\x00")

    line, board, host = attached(BlockingLine())
    line.cut = storm
    for _ in range(60):
        host.send("tuner", rng.randbytes(rng.randrange(4000)))
        host.send("modem", rng.randbytes(rng.randrange(400)))
        board.output.write(rng.randbytes(rng.randrange(9000)))
        board.modem.write(rng.randbytes(rng.randrange(400)))
        board.console.write_line("x" * rng.randrange(300))
        line.turn(host)
        drain(board.tuner)
        drain(board.modem)
        board.console.read_line()
        for name in ("output", "modem", "console"):
            host.take(name)
    host.drop_waiting()
    line.cut = lambda data: [data]
    for _ in range(6):  # the calm
        host.quiet()
        for _ in range(4):
            line.turn(host)
            drain(board.tuner)
            drain(board.modem)
            board.console.read_line()
            for name in ("output", "modem", "console"):
                host.take(name)
    if host.prompted or not host.attached:
        host.restart()
        for _ in range(3):
            line.turn(host)
    assert host.attached
    host.send("tuner", b"t" * 8192)
    host.send("modem", b"m" * 1024)
    board.modem.write(b"M" * 500)
    assert board.output.write(bytes(32_000)) > 24_000  # all but what is not due to be granted yet
    got = b""
    for _ in range(4):
        line.turn(host)
        got += drain(board.tuner)
    assert got == b"t" * 8192 and drain(board.modem) == b"m" * 1024
    assert host.take("modem") == b"M" * 500


def test_a_repeated_credit_is_answered_once_and_not_for_ever():
    line, _board, host = attached()
    host.quiet()
    lengths = []
    for _ in range(6):
        line.inward += host.data_to_send()
        lengths.append(len(line.inward))
        line.turn(host)
    assert lengths[0] == 16 + 3 * 9 and not any(lengths[1:])


class Scripted:
    """A machine that says what it is told to, and keeps what it hears."""

    name, virtual = "scripted", True

    def __init__(self):
        self.says = b""
        self.heard = bytearray()
        self.fed = 0

    def boot(self):
        pass

    def send(self, line, data):
        assert line == "console"
        self.heard += data

    def advance(self, now_ns):
        pass

    def take(self, line):
        said, self.says = self.says, b""
        return said

    def power_cut(self):
        pass

    def close(self):
        pass


@pytest.fixture
def cabled():
    """A board's own cable as a machine, with its host."""
    machine = CabledMachine(Scripted())
    machine.boot()
    return machine


def test_a_prompt_behind_half_a_frame_is_seen_in_the_emulated_board(cabled):
    number = cabled.host._number
    cabled.machine.says = control(mux.WELCOME, b"2", number.to_bytes(2, "big"), b"c\x04\x00s\x20\x00m\x04\x00")
    cabled.advance(5 * MS)
    assert cabled.host.attached
    cabled.machine.says = good_frame(ord("s"), bytes(240), 0)[:30] + b"\r\nKeyboardInterrupt: \r\n>>> "
    cabled.advance(10 * MS)
    assert not cabled.host.prompted
    cabled.advance(10 * MS + QUIET_NS + 2 * MS)
    assert cabled.host.prompted and b"KeyboardInterrupt" in cabled.take("console")


@pytest.mark.parametrize(("version", "remedy"), [(b"1", "flash it anew: ./ringcast flash"), (b"9", "update ringcast")])
def test_a_board_that_speaks_another_version_is_a_machine_error(cabled, version, remedy):
    cabled.machine.says = b"# ringcast cable " + version + b"\r\n"
    with pytest.raises(MachineError, match=remedy):
        cabled.advance(5 * MS)


def test_a_board_that_never_answers_is_said_hello_to_now_and_then_only(cabled):
    cabled.send("modem", b"RING" * 100_000)
    cabled.advance(3 * HELLO_AGAIN_NS)
    assert len(cabled.machine.heard) < 5 * 300
    assert cabled.host.waiting("modem") <= WAITING_LIMIT_BYTES


def test_lines_that_are_none_are_refused(cabled):
    with pytest.raises(LocalError):
        cabled.send("output", b"")
