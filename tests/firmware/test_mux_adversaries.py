# on the pico: soak
"""Hosts and lines that stall, babble and flood: the board goes on, in bounded time and memory, and credit with it."""

import gc

from cable_rig import CONSOLE, MODEM, STREAM, WINDOWS, Host, attached, board, noise_of, read
from kit import Skip
from settop.link import mux
from settop.link.inflow import MAX_WINDOW_BYTES

BATCH = 400


def test_credit_that_found_no_room_on_the_line_is_told_when_there_is_room():
    """Else the host waits for credit and the board for octets, for ever."""
    wire, cable, host = attached()
    host.send(STREAM, bytes(WINDOWS[STREAM]))
    wire.room = 0
    assert sum([len(read(cable.tuner)) for _ in range(4)]) == WINDOWS[STREAM]
    assert cable.tuner.any() == 0 and host.core.room(STREAM) == 0
    wire.room = None
    cable.poll()
    host.hear()
    assert host.core.room(STREAM) == WINDOWS[STREAM]


def test_a_frame_cut_by_a_full_line_is_ended_though_nothing_follows_it():
    wire, cable, host = attached()
    host.send(STREAM, bytes(WINDOWS[STREAM]))
    wire.room = 5  # of the credit's 16 octets
    for _ in range(4):
        read(cable.tuner)
    cable.poll()
    assert wire.room == 0
    wire.room = None
    for _ in range(3):
        cable.poll()
    host.hear()
    assert host.core.room(STREAM) == WINDOWS[STREAM]
    wire.room = 7
    cable.modem.write(b"ATH\r")
    wire.room = None
    for _ in range(3):
        cable.poll()
    host.hear()
    assert host.take(MODEM) == b"ATH\r"


def babble(wire, octet):
    """An endless line. Counts what is read in one go."""
    counted = [0]

    def readinto(view, count):
        counted[0] += count
        assert counted[0] < 20 * BATCH, "a poll without end"
        for i in range(count):
            view[i] = octet
        return count

    wire.readinto = readinto
    wire.readable = lambda wait_ms: True
    return counted


def test_an_endless_babble_of_anything_is_left_after_a_batch():
    for octet in (mux.SYNC, 0, 0x41, 0xFF, 13):
        wire, cable, _host = attached()
        counted = babble(wire, octet)
        cable._read, cable._readable = wire.readinto, wire.readable
        for _ in range(3):
            cable.poll(BATCH)
            assert 0 < counted[0] <= BATCH + mux.FRAME_BYTES, octet
            counted[0] = 0
            cable.console.read_line()
            counted[0] = 0


def test_what_was_read_of_a_babble_is_gone_on_with():
    wire, cable, host = attached()
    wire.inward = b"\xa5" * (2 * BATCH)
    host.send(STREAM, b"here")
    for _ in range(8):
        cable.poll(BATCH)
    assert read(cable.tuner) == b"here"


def test_a_flood_of_hellos_allocates_nothing_that_stays_and_the_last_one_counts():
    wire, cable, _host = attached()
    host = Host(wire)
    for session in range(250, 290):
        host.hello(session)
        if session % 3 == 0:
            cable.poll()
        if session % 10 == 0:
            host.hear()
    for _ in range(10):
        cable.poll()
        host.hear()
    assert host.kinds[-1][1] == bytes((mux.WELCOME, mux.VERSION, 289 >> 8, 289 & 0xFF))
    assert cable.mux.session == 289


def test_a_hello_allocates_nothing_for_a_heap_may_have_little_in_a_row():
    if not hasattr(gc, "mem_alloc"):
        raise Skip("this Python's heap cannot be measured")
    wire, cable, host = attached()
    host.hello(3)
    hello = wire.inward
    wire.inward = b""
    cable.mux.receiver.frame[: len(hello)] = hello
    cable.mux.receiver.total = len(hello)
    cable._act(mux.HELLO, cable.mux.receiver.frame)
    gc.collect()
    before = gc.mem_alloc()
    cable._act(mux.HELLO, cable.mux.receiver.frame)
    assert gc.mem_alloc() == before


def test_what_the_old_session_left_half_said_does_not_come_into_the_new_one():
    wire, cable, host = attached(windows=(4, 4, 64))
    cable.modem.write(b"ATDT5550199\r")
    host.send(CONSOLE, b"half a comm")
    assert cable.console.read_line() is None
    second = Host(wire)
    second.hello(9)
    wire.outward = b""
    cable.poll()
    cable.modem.write(b"ATZ\r")
    second.hear()
    second.send(CONSOLE, b"status\n")
    assert cable.console.read_line() == "status"
    assert second.take(MODEM) == b"ATZ\r"


def test_credits_of_all_values_leave_the_room_between_nothing_and_a_window():
    _wire, cable, host = attached()
    core = cable.mux
    seed = noise_of(600)
    for i in range(0, 600, 6):
        message = bytes((mux.CREDIT,)) + bytes(seed[i : i + 2 * len(WINDOWS)])
        host.core.out[1], host.core.out[5], host.core.out[6] = mux.CONTROL, 0, 0
        before = [core.room(line) for line in range(3)]
        host._send(mux.seal(host.core.out, message, len(message), mux.TABLE))
        cable.poll()
        for line in range(3):
            assert before[line] <= core.room(line) <= MAX_WINDOW_BYTES
    assert core.refused


def test_control_messages_of_all_kinds_and_lengths_are_survived():
    wire, cable, host = attached()
    for kind in (0, 3, 0x31, mux.CONTROL, mux.CREDIT, mux.HELLO, mux.WELCOME, mux.SYNC, 0xFF):
        for count in (0, 1, 6, 7, 8, 9, 10, 11, 240):
            message = bytes((kind,)) * count
            host.core.out[1] = mux.CONTROL
            host._send(mux.seal(host.core.out, message, count, mux.TABLE))
            for _ in range(2):
                cable.poll()
    assert cable.mux.session == 7 and cable.mux.receiver.damaged == 0
    assert wire.inward == b""


def test_a_driver_that_promises_room_and_takes_nothing_does_not_hold_the_board():
    _wire, cable, _host = attached()
    tries = [0]

    def write(data, count):
        tries[0] += 1
        assert tries[0] < 100, "a write without end"
        return 0

    cable._write = write
    for _ in range(3):
        cable.output.write(bytes(300))
        cable.poll()
    assert tries[0]


def test_typed_lines_come_whole_and_in_order_however_fast_they_come():
    wire, cable = board()
    wire.inward = b"call 5550199\rstatus\r" + b"\xa5" * 6 + b"cut off\rhangup\r" + b"x" * 700 + b"\rstatus\r"
    lines = [cable.console.read_line() for _ in range(30)]
    lines = [line for line in lines if line]
    assert lines[:2] == ["call 5550199", "status"] and lines[-2:] == ["hangup", "status"] and len(lines) == 5


def test_payload_behind_a_lost_header_is_no_command():
    """Its FCS follows it: what somebody types is followed by nothing."""
    for lost in range(1, 10):
        wire, cable, host = attached()
        host.send(STREAM, b"\r\ncall 900\r\nhangup\r")
        wire.inward = wire.inward[lost:]
        host.send(MODEM, b"RING")
        for _ in range(6):
            assert cable.console.read_line() is None
            cable.poll()
        assert cable.mux.session == 7 and read(cable.modem) == b"RING", lost


def test_a_line_typed_in_a_session_may_end_in_any_way():
    for end in (b"\r", b"\n", b"\r\n", b"\n\n"):
        wire, cable, _host = attached()
        wire.inward = b"hangup" + end
        assert cable.console.read_line() == "hangup" and cable.mux.session is None


def test_octets_that_never_came_are_given_back_as_credit_when_the_other_end_says_where_it_is():
    wire, cable, host = attached()
    host.send(STREAM, bytes(WINDOWS[STREAM]))
    wire.inward = b""
    cable.poll()
    assert cable.output.write(bytes(4096)) == 4096
    wire.outward = b""
    for line in range(3):
        host._send(host.core.build(line, b"", 0, 0))
    host.grant()  # nothing new: it asks
    cable.poll()
    host.hear()
    assert host.core.room(STREAM) == WINDOWS[STREAM] and cable.mux.inflows[STREAM].lost == 8192
    assert host.core.inflows[STREAM].lost == 4096 and host.core.credit_due()
    host.grant()
    cable.poll()
    assert cable.output.write(bytes(4097)) == 4096
