"""The board's end of the cable over a wire in memory, with a small host beside it."""

from cable_rig import CONSOLE, MODEM, STREAM, WINDOWS, Host, Wire, attached, board, noise_of, read
from kit import raises
from settop.link import mux
from settop.link.cable import Cable
from settop.link.typed import CONSOLE_OUT_BYTES


def test_before_hello_the_console_is_plain_text_in_both_directions():
    wire, cable = board()
    assert wire.outward == mux.NOTICE
    cable.console.write_line("@ 12 ready board=pico")
    assert wire.outward == mux.NOTICE + b"@ 12 ready board=pico\r\n"
    wire.inward = b"\r\nstatus\r\ncall 5"
    assert cable.console.read_line() == "status"
    assert cable.console.read_line() is None
    wire.inward = b"55\n"
    assert cable.console.read_line() == "call 555"


def test_hello_is_answered_with_its_number_and_all_windows():
    _wire, _cable, host = attached()
    assert host.kinds == [(mux.WELCOME, bytes((mux.WELCOME, mux.VERSION, 0, 7)))]
    assert [host.core.room(line) for line in range(3)] == WINDOWS
    assert host.said == mux.NOTICE


def test_every_line_carries_its_own_octets_both_ways():
    _wire, cable, host = attached()
    host.send(MODEM, b"\r\nOK\r\n")
    host.send(STREAM, bytes(range(256)) * 3)
    host.send(CONSOLE, b"status\ncall 5\n")
    assert cable.console.read_line() == "status"
    assert cable.console.read_line() == "call 5"
    assert cable.console.read_line() is None
    assert read(cable.modem) == b"\r\nOK\r\n"
    assert read(cable.tuner) == bytes(range(256)) * 3
    assert cable.modem.any() == cable.tuner.any() == 0
    assert cable.modem.write(b"ATD5\r") == 5
    assert cable.output.write(memoryview(bytes(range(256)) * 2)) == 512
    cable.console.write_line("@ 1 ready")
    host.hear()
    assert host.take(MODEM) == b"ATD5\r"
    assert host.take(STREAM) == bytes(range(256)) * 2
    assert host.take(CONSOLE) == b"@ 1 ready\r\n"
    assert (host.damaged, host.resyncs, host.core.refused, cable.mux.refused) == (0, 0, 0, 0)


def test_a_full_tuner_leaves_modem_and_console_open():
    _wire, cable, host = attached()
    host.send(STREAM, bytes(WINDOWS[STREAM]))
    assert host.core.room(STREAM) == 0
    host.send(MODEM, b"CONNECT")
    host.send(CONSOLE, b"hangup\n")
    for _ in range(5):
        cable.poll()
    host.hear()
    assert host.core.room(STREAM) == 0  # nobody reads the tuner
    assert read(cable.modem) == b"CONNECT"
    assert cable.console.read_line() == "hangup"
    assert len(read(cable.tuner)) == WINDOWS[STREAM]
    cable.poll()
    host.hear()
    assert host.core.room(STREAM) == WINDOWS[STREAM]


def test_output_stops_at_the_hosts_credit_and_goes_on_with_it():
    _wire, cable, host = attached(windows=(64, 64, 1000))
    data = bytes([i * 7 & 0xFF for i in range(3000)])
    assert cable.output.write(data) == 1000
    assert cable.output.write(data[1000:]) == 0
    host.hear()
    got = host.take(STREAM)
    host.grant()
    cable.poll()
    assert cable.output.write(data[1000:]) == 1000
    host.hear()
    assert got + host.take(STREAM) == data[:2000]


def test_what_the_modem_says_without_credit_waits_and_comes_in_order():
    _wire, cable, host = attached(windows=(64, 8, 64))
    cable.modem.write(b"ATDT5550")
    cable.modem.write(b"199\r")
    cable.modem.write(b"+++")
    host.hear()
    assert host.take(MODEM) == b"ATDT5550"
    host.grant()
    cable.poll()
    host.hear()
    assert host.take(MODEM) == b"199\r+++"
    assert cable.lost == 0


def test_what_the_modem_said_to_an_old_host_is_not_for_the_new_one():
    wire, cable, _host = attached(windows=(64, 4, 64))
    cable.modem.write(b"ATDT5550199\r")
    second = Host(wire)
    second.hello(9)
    wire.outward = b""
    cable.poll()
    cable.modem.write(b"ATZ\r")
    second.hear()
    assert second.take(MODEM) == b"ATZ\r"


def test_console_lines_that_find_no_room_are_dropped_whole():
    _wire, cable, host = attached(windows=(16, 8, 64))
    for i in range(200):
        cable.console.write_line("line %d of some length" % i)
    got = b""
    for _ in range(400):
        host.hear()
        got += host.take(CONSOLE)
        host.grant()
        cable.poll()
    lines = got.split(b"\r\n")
    assert lines.pop() == b""
    assert lines == [b"line %d of some length" % i for i in range(len(lines))]
    assert CONSOLE_OUT_BYTES - 64 < len(got) < CONSOLE_OUT_BYTES + 64
    assert cable.lost == sum(len("line %d of some length\r\n" % i) for i in range(len(lines), 200))


def test_a_host_that_does_not_read_costs_one_long_write_and_no_octet():
    wire, cable, host = attached()
    data = bytes(noise_of(4000))
    wire.room = 100
    taken = cable.output.write(data)
    assert wire.short == 1
    for _ in range(20):
        taken += cable.output.write(data[taken:])
    assert taken == 240 and wire.short == 1  # one frame is under way; nothing more is tried
    got = b""
    for i in range(20):  # it reads a little now and then
        wire.room += 30 if i % 2 else 260
        cable.poll()
        taken += cable.output.write(data[taken:])
        host.hear()
        got += host.take(STREAM)
    assert wire.short == 1 and 5 * 240 < len(got) < 4000
    wire.room = None
    host.grant()
    for _ in range(4):
        cable.poll()
        taken += cable.output.write(data[taken:])
        host.hear()
        got += host.take(STREAM)
    assert taken == 4000 and got == data and (host.damaged, host.resyncs) == (0, 0)


def test_after_a_long_write_no_other_is_tried_until_a_frame_went_through():
    wire, cable, _host = attached()
    wire.room = 100
    assert cable.output.write(bytes(240)) == 240 and wire.short == 1
    wire.room = 200  # the rest of that frame, and not the whole of the next
    assert cable.output.write(bytes(480)) == 240 and wire.short == 1
    wire.room = 2000
    assert cable.output.write(bytes(480)) == 480 and wire.short == 1
    assert not cable._careful


def test_a_new_host_ends_the_old_ones_frame_and_session():
    wire, cable, host = attached()
    host.send(STREAM, b"old" * 70)
    cable.poll()
    host.send(STREAM, bytes(240))
    wire.inward = wire.inward[:50]  # the old host died in the middle of a frame
    second = Host(wire)
    wire.inward += mux.IDLE
    second.hello(9)
    for _ in range(3):
        cable.poll()
    second.hear()
    assert cable.mux.session == 9 and second.kinds[-1][1] == bytes((mux.WELCOME, mux.VERSION, 0, 9))
    assert cable.tuner.any() == 0
    second.send(STREAM, b"new")
    assert read(cable.tuner) == b"new"
    assert second.core.room(STREAM) == WINDOWS[STREAM] - 3


def test_frames_of_a_session_that_the_board_does_not_know_bring_one_notice():
    wire, cable = board()
    host = Host(wire)
    host.core.restart(1)
    host.core._limits[:] = [100, 100, 5000]
    cable._noticed = False
    wire.outward = b""
    for _ in range(4):
        host.send(STREAM, b"data")
        cable.poll()
    assert wire.outward == mux.NOTICE
    assert cable.mux.refused == 4 and cable.tuner.any() == 0


def test_a_notice_that_found_no_room_is_said_with_the_first_stray_frame():
    wire = Wire()
    wire.room = 0
    cable = Cable(wire, wire, wire.readable, wire.writable)
    wire.room = None
    host = Host(wire)
    host.core.restart(1)
    host.grant()
    cable.poll()
    assert wire.outward == b""  # credit is no data, but is refused
    host.core._limits[:] = [100, 100, 100]
    host.send(MODEM, b"x")
    cable.poll()
    assert wire.outward == mux.NOTICE


def test_another_version_is_answered_in_plain_text():
    wire, cable = board()
    wire.outward = b""
    host = Host(wire)
    host.core.restart(1)
    total = host.core.control(mux.HELLO)
    message = bytearray(host.core.out[mux.PAYLOAD : total - 2])
    message[1] = 0x31
    host._send(mux.seal(host.core.out, message, len(message), mux.TABLE))
    cable.poll()
    assert wire.outward == mux.NOTICE and cable.mux.session is None


def test_a_line_that_somebody_types_ends_the_session():
    wire, cable, host = attached()
    wire.inward = b"\r\nhangup\r"
    assert cable.console.read_line() == "hangup"
    assert cable.mux.session is None
    cable.console.write_line("@ 5 hanging_up")
    host.hear()
    assert host.said.endswith(mux.NOTICE + b"@ 5 hanging_up\r\n")
    assert cable.output.write(b"ts") == 0
    assert cable.modem.write(b"ATH") == 3


def test_rubbish_between_frames_does_not_end_the_session():
    wire, cable, _host = attached()
    wire.inward = b"\x80\xff\x01\r\r\n\n\x00\x00"
    for _ in range(3):
        assert cable.console.read_line() is None
    assert cable.mux.session == 7


def test_octets_of_a_damaged_frame_are_no_command():
    wire, cable, host = attached()
    host.send(CONSOLE, b"\ncall 900\n")
    wire.inward = wire.inward[:-1] + b"\x55"
    for _ in range(3):
        assert cable.console.read_line() is None
    assert cable.mux.receiver.damaged == 1 and cable.mux.session == 7
    host.send(CONSOLE, b"status\n")
    assert cable.console.read_line() == "status"
    host.send(CONSOLE, b"\ncall 900\n")
    wire.inward = wire.inward[:-1] + b"\x55status\r"
    assert [cable.console.read_line() for _ in range(2)] == ["status", None]  # typed behind it


def test_nothing_waits_behind_a_damaged_frame():
    """A sync octet in what is left of it begins nothing that a blocking read would wait for."""
    wire, cable, host = attached()
    host.send(CONSOLE, b"...\xa5@")
    wire.inward = wire.inward[:-2] + b"\x55\x55"
    cable.poll()  # would raise SystemExit where it read more than is there
    host.send(CONSOLE, b"status\n")
    lines = [cable.console.read_line() for _ in range(3)]
    assert "status" in lines


def test_lines_too_long_are_dropped_and_the_next_is_read():
    _wire, cable, host = attached()
    host.send(CONSOLE, b"x" * 601 + b"\nstatus\n" + b"y" * 300 + b"\n")
    assert cable.console.read_line() == "status"
    assert cable.console.read_line() == "y" * 300


def test_a_console_line_that_is_no_utf8_is_a_unicode_error():
    _wire, cable, host = attached()
    host.send(CONSOLE, b"\xff\xfe\nstatus\n")
    with raises(UnicodeError):
        cable.console.read_line()
    assert cable.console.read_line() == "status"


def test_a_line_that_is_closed_ends_the_program():
    wire, cable = board()
    wire.readable = None
    cable._readable = lambda wait_ms: True
    with raises(SystemExit):
        cable.poll()
