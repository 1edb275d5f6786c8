"""Both ends of the cable over a line that cuts as it likes: nothing lost, nothing mixed up, nothing that raises."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settop.errors import LocalError
from settop.link import mux
from testbed.line.cable import CableHost

from tests.helpers.cable_line import (
    HOST_WINDOWS,
    MODEM,
    STREAM,
    WINDOWS,
    BlockingLine,
    Line,
    PiecewiseLine,
    attached,
    drain,
    good_frame,
)


@pytest.mark.parametrize("seed", range(6))
def test_all_lines_are_lossless_however_the_line_cuts(seed):
    rng = random.Random(seed)
    line, board, host = attached(PiecewiseLine(rng))
    sent = {name: bytearray() for name in ("tuner", "modem", "console")}
    got = {name: bytearray() for name in sent}
    out = {name: bytearray() for name in ("output", "modem", "console")}
    back = {name: bytearray() for name in out}
    for _ in range(150):
        for name, most in (("tuner", 3000), ("modem", 40)):
            data = rng.randbytes(rng.randrange(most)) + b"\x03" * rng.randrange(20)
            sent[name] += data
            host.send(name, data)
        if rng.random() < 0.3:
            text = b"command %d" % rng.randrange(1000)
            sent["console"] += text
            host.send("console", text + b"\n")
        line.turn(host)
        got["tuner"] += drain(board.tuner, rng.randrange(1, 6000))
        got["modem"] += drain(board.modem)
        while (command := board.console.read_line()) is not None:
            got["console"] += command.encode()
        data = rng.randbytes(rng.randrange(3000))
        out["output"] += data[: board.output.write(memoryview(data))]
        data = rng.randbytes(rng.randrange(40))
        out["modem"] += data
        board.modem.write(data)
        if rng.random() < 0.3:
            board.console.write_line("said")
            out["console"] += b"said\r\n"
        if rng.random() < 0.7:
            for name in back:
                back[name] += host.take(name)
    for _ in range(400):
        line.turn(host)
        got["tuner"] += drain(board.tuner)
        got["modem"] += drain(board.modem)
        while (command := board.console.read_line()) is not None:
            got["console"] += command.encode()
        for name in back:
            back[name] += host.take(name)
    assert got == sent and back == out
    assert len(out["output"]) > 20_000
    assert (host.damaged, host.resyncs, host.refused, host.lost, board.lost) == (0, 0, 0, 0, 0)
    assert (board.mux.refused, board.mux.receiver.damaged, board.mux.receiver.resyncs) == (0, 0, 0)


def test_the_tuner_waits_in_the_host_and_the_modem_passes_it():
    line, board, host = attached()
    host.send("tuner", bytes(50_000))
    line.turn(host)
    assert host.waiting("tuner") == 50_000 - WINDOWS[STREAM]
    host.send("modem", b"CONNECT")
    host.send("console", b"hangup\n")
    line.turn(host)
    assert drain(board.modem) == b"CONNECT" and board.console.read_line() == "hangup"
    assert host.waiting("tuner") == 50_000 - WINDOWS[STREAM]


def test_a_host_that_takes_nothing_stops_the_output_and_nothing_else():
    line, board, host = attached()
    taken = 0
    for _ in range(50):
        taken += board.output.write(bytes(5828))
        line.turn(host)
    assert taken == HOST_WINDOWS[STREAM]
    board.modem.write(b"ATH\r")
    host.send("modem", b"OK\r\n")
    line.turn(host)
    assert host.take("modem") == b"ATH\r" and drain(board.modem) == b"OK\r\n"
    assert len(host.take("output")) == taken
    line.turn(host)
    assert board.output.write(bytes(100)) == 100


@pytest.mark.parametrize("side", ["inward", "outward"])
def test_a_damaged_octet_costs_its_frame_and_no_credit(side):
    line, board, host = attached()
    for turn in range(60):
        host.send("tuner", bytes([turn]) * 1000)
        board.output.write(bytes([turn]) * 1000)
        line.inward += host.data_to_send()
        buffer = getattr(line, side)
        if len(buffer) > 700:
            buffer[300] ^= 0x10
        line.turn(host)
        line.turn(host)
        drain(board.tuner)
        host.take("output")
    for _ in range(3):
        line.turn(host)
    lost = board.mux.inflows[STREAM].lost if side == "inward" else host.lost
    assert lost >= 50 * 240
    host.send("tuner", b"whole")
    board.output.write(b"whole")
    line.turn(host)
    assert drain(board.tuner) == b"whole" and host.take("output") == b"whole"
    assert host.waiting("tuner") == 0
    assert board.output.write(bytes(32_000)) > 24_000  # all but what is not due to be granted yet


def test_a_board_that_starts_again_is_said_hello_to_by_itself():
    line, board, host = attached()
    host.send("tuner", bytes(20_000))
    line.turn(host)
    host.send("console", b"status\n")
    line.outward += b"half a line"
    board = line.power_on()
    for _ in range(4):
        line.turn(host)
    assert host.attached and host.sessions == 2
    assert host.take("console") == b"half a line"
    assert host.waiting("tuner") == 20_000 - 2 * WINDOWS[STREAM]  # what had left for the old board is lost
    assert board.console.read_line() is None
    host.send("modem", b"RING")
    line.turn(host)
    assert drain(board.modem) == b"RING"


def test_commands_that_wait_for_the_board_arrive_when_it_is_there():
    line, host = Line(), CableHost(1)
    host.send("console", b"status\n")
    line.turn(host)
    line.inward.clear()  # nobody was there
    board = line.power_on()
    for _ in range(4):
        line.turn(host)
    assert board.console.read_line() == "status"


def test_a_host_that_starts_again_ends_the_old_ones_frame():
    line, board, host = attached()
    host.send("tuner", bytes(5000))
    line.inward += host.data_to_send()[:1100]  # and there it died
    host = CableHost(6)
    for _ in range(3):
        line.turn(host)
    assert host.attached and board.mux.receiver.have == 0
    host.send("tuner", b"new")
    line.turn(host)
    assert drain(board.tuner) == b"new"


def test_what_of_the_old_session_is_still_on_its_way_is_not_taken_for_the_new_ones():
    line, board, _host = attached()
    board.output.write(b"old")
    board.console.write_line("old")
    second = CableHost(77)
    for _ in range(3):
        line.turn(second)
    assert second.take("output") == b"" and second.take("console") == b""
    board.output.write(b"new")
    line.turn(second)
    assert second.take("output") == b"new"


def test_what_came_before_a_restart_can_still_be_taken():
    line, board, host = attached()
    board.output.write(b"out")
    board.modem.write(b"ATH")
    line.turn(host)
    host.restart()
    for _ in range(3):
        line.turn(host)
    assert host.sessions == 2
    assert (host.take("output"), host.take("modem")) == (b"out", b"ATH")


def test_text_and_console_lines_keep_their_order():
    line, board, host = attached()
    board.console.write_line("one")
    line.outward += b"Traceback\r\n"
    board.console.write_line("two")
    line.turn(host)
    assert host.take("console") == b"one\r\nTraceback\r\ntwo\r\n"


def test_a_board_at_its_prompt_gets_no_frames_until_it_starts_again():
    line, board, host = attached()
    line.outward += b"KeyboardInterrupt: \r\nMicroPython v1.25.0\r\n>>> "
    line.board = None
    host.receive(bytes(line.outward))
    assert host.prompted and not host.attached
    host.send("tuner", bytes(1000))
    assert host.data_to_send() == b""
    line.outward.clear()
    board = line.power_on()
    for _ in range(4):
        line.turn(host)
    assert host.attached and not host.prompted
    assert len(drain(board.tuner)) == 1000


def test_text_behind_half_a_frame_is_seen_when_the_line_is_quiet():
    line, board, host = attached()
    board.output.write(bytes(200))
    host.receive(bytes(line.outward[:50]) + b"Traceback (most recent call last)")
    assert host.take("console") == b""
    host.quiet()
    assert host.take("console").endswith(b"Traceback (most recent call last)")


def test_what_goes_to_a_board_is_harmless_at_a_prompt():
    """Hello may meet a REPL: Ctrl-A to Ctrl-E change its mode or reset, CR and LF run what was typed."""
    for session in range(0, 65536, 251):
        hello = CableHost(session).data_to_send()
        assert not set(hello) & set(b"\x01\x02\x03\x04\x05\r\n")
        assert hello.startswith(mux.IDLE)


def test_another_version_is_a_problem_that_is_told():
    host = CableHost(1)
    host.receive(b"# ringcast cable 9\r\n")
    assert not host.attached and "version 9" in host.problem
    assert host.take("console") == b""


def test_a_notice_cut_anywhere_is_seen_and_no_other_text_is_swallowed():
    for at in range(1, len(mux.NOTICE)):
        host = CableHost(1)
        host.data_to_send()
        host.receive(b"# # ring" + mux.NOTICE[:at])
        host.receive(mux.NOTICE[at:] + b"@ 1 ready\r\n")
        assert host.take("console") == b"# # ring@ 1 ready\r\n"
        assert host.data_to_send()
    host = CableHost(1)
    host.receive(b"# ringcast cable that is no notice at all\r\n# ringcast")
    host.quiet()
    assert host.take("console") == b"# ringcast cable that is no notice at all\r\n# ringcast"


def test_lines_that_are_none_are_local_errors():
    host = CableHost(1)
    with pytest.raises(LocalError, match="no line 'output'"):
        host.send("output", b"x")
    with pytest.raises(LocalError, match="no line 'tuner'"):
        host.take("tuner")


def test_plain_text_takes_bounded_memory():
    host = CableHost(1)
    for _ in range(30):
        host.receive(b"x" * 50_000)
    assert len(host.take("console")) <= 1 << 20


HOSTILE = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.sampled_from([mux.NOTICE, mux.IDLE, b"\xa5", b"\n>>> ", b"status\r"]),
        st.tuples(st.sampled_from(b"@msc\x00\xff"), st.binary(max_size=240), st.integers(0, 0xFFFF)).map(
            lambda parts: good_frame(*parts)
        ),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(HOSTILE, st.booleans())
def test_a_host_survives_whatever_a_board_says(pieces, known):
    line, board, host = attached() if known else (None, None, CableHost(1))
    for piece in pieces:
        host.receive(piece)
        host.data_to_send()
    for name, most in (("modem", HOST_WINDOWS[MODEM]), ("output", HOST_WINDOWS[STREAM]), ("console", 1 << 20)):
        assert len(host.take(name)) <= most
    # And the next board that comes by its power is heard.
    host.restart()
    line = Line()
    board = line.power_on()
    for _ in range(4):
        line.turn(host)
    host.take("console")
    board.console.write_line("here")
    line.turn(host)
    assert host.attached and host.take("console") == b"here\r\n"


@settings(max_examples=150, deadline=None)
@given(HOSTILE, st.booleans())
def test_a_board_survives_whatever_a_host_says(pieces, known):
    line = BlockingLine()
    board = line.power_on()
    if known:
        line.inward += CableHost(3).data_to_send()
    for piece in pieces:
        line.inward += piece
        for _ in range(3):
            board.poll()
            try:
                board.console.read_line()
            except UnicodeError:
                pass
        drain(board.tuner)
        assert len(drain(board.modem)) <= WINDOWS[MODEM]
        board.output.write(bytes(600))
        board.console.write_line("something")
        assert board.mux.receiver.have <= mux.FRAME_BYTES
    line.outward.clear()
    host = CableHost(9)
    for _ in range(6):
        line.turn(host)
        while board.mux.receiver.typed:
            board.console.read_line()
    assert host.attached
    host.take("console")
    drain(board.modem)
    host.send("modem", b"OK")
    line.turn(host)
    assert drain(board.modem) == b"OK"
