"""Ends of the cable with different channels: what both have flows, what one lacks is never sent on, lists that lie are
refused."""

import random
import subprocess
import sys

import pytest
from settop.errors import LocalError
from settop.link import mux
from settop.link.cable import Cable
from settop.link.channels import CHANNELS
from testbed.line.cable import WAITING_LIMIT_BYTES, WINDOW_BYTES, CableHost

from tests.helpers.cable_line import Line, attached, drain, good_frame

NETWORK = ("network", "n", 2048, "network", "network")
DOCK = ("dock", "d", 512, "dock_in", "dock_out")
FIVE = (*CHANNELS, NETWORK, DOCK)
VERSION_1_HELLO_BYTES = 10


def frames_in(data):
    """(channel, payload) of every frame in what the host has sent."""
    receiver, found = mux.Receiver(), []
    for octet in data:
        receiver.frame[receiver.have] = octet
        receiver.have += 1
        while receiver.ready():
            found.append((chr(receiver.frame[1]), bytes(receiver.frame[mux.PAYLOAD : receiver.total - 2])))
            receiver.done()
    return found


def control(body):
    return good_frame(mux.CONTROL, body, 0)


def hello(channels, session=b"\x12\x34", kind=mux.HELLO, version=mux.VERSION):
    return control(bytes((kind, version)) + session + channels)


def listen(line, host, turns=4):
    for _ in range(turns):
        line.turn(host)


def test_five_channels_carry_their_own_octets_both_ways():
    line, board, host = attached(board_channels=FIVE, host_channels=FIVE)
    sent = {name: name.encode() * 400 for name in ("modem", "tuner", "network", "dock_in")}
    for name, data in sent.items():
        assert host.carries(name)
        host.send(name, data)
    got = dict.fromkeys(sent, b"")
    for _ in range(20):
        line.turn(host)
        for name in sent:
            got[name] += drain(getattr(board, name))
    assert got == sent
    back = {"modem": b"m" * 900, "output": b"o" * 9000, "network": b"n" * 900, "dock_out": b"d" * 3000}
    for name, data in back.items():
        getattr(board, name).write(data)
    board.console.write_line("said")
    listen(line, host)
    assert {name: host.take(name) for name in back} == back
    assert host.take("console") == b"said\r\n"
    assert (host.refused, host.lost, board.lost, board.mux.refused) == (0, 0, 0, 0)


def test_what_waits_for_credit_on_a_channel_more_comes_when_there_is_some():
    line, board, host = attached(board_channels=FIVE, host_channels=FIVE)
    board.network.write(b"1" * WINDOW_BYTES)
    for _ in range(3):
        board.network.write(b"2" * 300)
    listen(line, host)
    got = host.take("network")
    assert len(got) == WINDOW_BYTES
    listen(line, host)
    assert got + host.take("network") == b"1" * WINDOW_BYTES + b"2" * 900 and board.lost == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 3, 0), (4, 2, 0, 3)])
def test_a_board_that_lacks_channels_is_served_with_those_it_has(order):
    """In an order of its own, too."""
    has = tuple(FIVE[i] for i in order)
    line, board, host = attached(board_channels=has, host_channels=FIVE)
    carried = {row[3] for row in has}
    for *_, name, _ in FIVE:
        assert host.carries(name) == (name in carried)
        if name != "console":
            host.send(name, name.encode())
    listen(line, host)
    for *_, name, _ in FIVE:
        if name in carried and name != "console":
            assert drain(getattr(board, name)) == name.encode()
        elif name != "console":
            assert host.waiting(name) == len(name)
    host.send("console", b"status\n")
    line.turn(host)
    assert board.console.read_line() == "status"
    for *_, name in has:
        if name != "console":
            getattr(board, name).write(name.encode())
    listen(line, host)
    assert all(host.take(row[4]) == row[4].encode() for row in has if row[4] != "console")
    assert (host.refused, board.mux.refused) == (0, 0)


def test_a_new_host_that_has_fewer_channels_hears_nothing_on_what_the_old_one_had():
    line, board, _host = attached(board_channels=FIVE, host_channels=FIVE)
    assert board.mux.carries(3)
    line.inward += hello(b"c\x10\x00")
    board.poll()
    assert [board.mux.carries(i) for i in range(5)] == [True, False, False, False, False]
    assert [board.mux.room(i) for i in range(5)] == [0x1000, 0, 0, 0, 0]
    line.outward.clear()
    board.network.write(b"for nobody")
    board.modem.write(b"ATZ")
    board.poll()
    assert line.outward == b""


def test_nothing_is_ever_sent_on_a_channel_that_the_board_lacks():
    line, board, host = attached(host_channels=FIVE)
    host.send("network", bytes(5000))
    host.send("network", bytes(2 * WAITING_LIMIT_BYTES))
    host.send("modem", b"RING")
    host.quiet()
    said = frames_in(host.data_to_send())
    assert {channel for channel, _ in said} == {"@", "c", "m", "s"}
    assert host.waiting("network") == WAITING_LIMIT_BYTES
    listen(line, host)
    assert host.attached and board.mux.refused == 0


def test_a_host_that_lacks_channels_hears_nothing_of_them():
    line, board, host = attached(board_channels=FIVE)
    for _ in range(5):
        assert board.network.write(b"lost as where nothing is plugged in" * 20) == 700
    assert board.dock_out.write(b"nothing of it") == 0
    board.mux.asked = True
    board.poll()
    sent = frames_in(bytes(line.outward))
    assert {channel for channel, _ in sent} == {"@", "c", "m", "s"}
    board.modem.write(b"ATZ")
    listen(line, host)
    assert host.take("modem") == b"ATZ" and host.refused == 0 and board.lost == 0
    with pytest.raises(LocalError, match="no line 'network'"):
        host.carries("network")


def test_a_line_of_the_table_that_the_host_has_no_console_for_is_plain_text_alone():
    line, board, host = attached(host_channels=(CHANNELS[1],))
    board.console.write_line("nobody hears this")
    line.outward += b"Traceback\r\n"
    listen(line, host)
    assert host.take("console") == b"Traceback\r\n" and board.lost == len("nobody hears this\r\n")


def test_channels_that_make_no_sense_are_local_errors():
    line = Line()
    for wrong in (
        (*CHANNELS, ("other", "m", 512, "other", "other")),
        (*CHANNELS, ("other", "@", 512, "other", "other")),
        (*CHANNELS, ("other", "\xfc", 512, "other", "other")),
        (*CHANNELS, ("other", "xy", 512, "other", "other")),
    ):
        with pytest.raises(LocalError):
            line.power_on(wrong)
        with pytest.raises(LocalError):
            CableHost(1, wrong)
    with pytest.raises(LocalError, match="console"):
        line.power_on(CHANNELS[1:])
    with pytest.raises(LocalError):
        CableHost(1, ())
    with pytest.raises(LocalError):
        mux.Mux("ab", (100,), mux.Receiver())


@pytest.mark.parametrize(
    "channels",
    [
        b"",
        b"c",
        b"c\x10",
        b"c\x10\x00m",
        b"c\x10\x00m\x10",
        b"c\x10\x00c\x10\x00",
        b"c\x10\x00m\x10\x00c\x10\x00",
        b"C\x10\x00",
        b"@\x10\x00",
        b"\x00\x00\x00",
        b"\xff\x10\x00",
        b"{\x10\x00",
        b"c\x80\x00",
        b"z\x80\x00",
        b"".join(bytes((97 + i % 26,)) + b"\x01\x00" for i in range(27)),
        bytes(236),
    ],
)
def test_lists_that_lie_are_refused_and_change_nothing(channels):
    line, board, host = attached()
    board.modem.write(b"A")
    listen(line, host)
    before = (board.mux.session, [board.mux.room(i) for i in range(3)])
    line.inward += hello(channels)
    board.poll()
    assert board.mux.refused == 1 and line.outward == b""
    assert (board.mux.session, [board.mux.room(i) for i in range(3)]) == before
    host.restart()
    number = host._number.to_bytes(2, "big")
    host.receive(hello(channels, number, mux.WELCOME))
    assert not host.attached and host.refused == 1
    listen(line, host)
    assert host.attached


def test_letters_that_nobody_here_knows_are_passed_over():
    line, board, host = attached()
    everything = b"".join(bytes((97 + i,)) + b"\x01\x00" for i in range(26))
    line.inward += hello(everything)
    board.poll()
    assert board.mux.session == 0x1234 and board.mux.refused == 0
    assert [board.mux.room(i) for i in range(3)] == [256] * 3
    host.restart()
    number = host._number.to_bytes(2, "big")
    host.receive(hello(everything, number, mux.WELCOME))
    assert host.attached and all(host.carries(name) for name in ("console", "modem", "tuner"))
    # Credit is as long as that list, and finds the channels where it named them.
    line.inward += control(bytes((mux.CREDIT,)) + b"".join((0x101 + i).to_bytes(2, "big") for i in range(26)))
    board.poll()
    assert [board.mux.room(i) for i in range(3)] == [0x101 + ord(letter) - 97 for letter in "cms"]
    for count in (0, 1, 3, 25, 27):
        line.inward += control(bytes((mux.CREDIT,)) + b"\x02\x00" * count)
        board.poll()
    assert [board.mux.room(i) for i in range(3)] == [0x101 + ord(letter) - 97 for letter in "cms"]
    assert board.mux.refused == 5


def test_a_board_and_a_host_with_nothing_in_common_are_silent():
    line = Line()
    board, host = line.power_on(), CableHost(1, (NETWORK, DOCK))
    listen(line, host)
    assert host.attached and not host.carries("network")
    board.output.write(bytes(100))
    board.modem.write(b"ATZ")
    host.send("network", b"x")
    host.quiet()
    listen(line, host)
    assert (host.refused, board.mux.refused) == (0, 0) and host.waiting("network") == 1


def mutated(rng, frame):
    """A control message, changed in octets, length or order, and sealed again as if it were meant."""
    body = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        what = rng.randrange(5)
        at = rng.randrange(len(body)) if body else 0
        if what == 0 and body:
            body[at] = rng.choice((0, 1, 3, 0x40, 0x61, 0x63, 0x6D, 0x73, 0x7B, 0xFF, rng.randrange(256)))
        elif what == 1:
            del body[at : at + rng.randrange(1, 5)]
        elif what == 2:
            body[at:at] = body[at : at + rng.choice((1, 2, 3, 6))]
        elif what == 3:
            body += rng.randbytes(rng.randrange(1, 40))
        else:
            body[at:at] = bytes((rng.randrange(97, 123), rng.randrange(0x80), rng.randrange(256)))
    return control(bytes(body[:240]))


@pytest.mark.parametrize("seed", range(4))
def test_hello_welcome_and_credit_of_all_kinds_are_survived(seed):
    """By both ends: nothing raises, room stays within a window, and afterwards a session is what it was."""
    rng = random.Random(seed)
    line, board, host = attached(board_channels=FIVE, host_channels=FIVE)
    named = b"".join(row[1].encode() + b"\x10\x00" for row in FIVE)
    accepted = 0
    for _ in range(1500):
        number = host._number.to_bytes(2, "big")
        kind = rng.choice((mux.HELLO, mux.WELCOME, mux.CREDIT))
        body = b"\x10\x01" * 5 if kind == mux.CREDIT else bytes((mux.VERSION,)) + number + named
        message = mutated(rng, bytes((kind,)) + body)
        line.inward += message
        board.poll()
        accepted += any(said[:1] == b"W" for _, said in frames_in(bytes(line.outward)))
        if rng.random() < 0.2:
            host.restart()
        host.receive(message)
        host.data_to_send()
        for core in (board.mux, host._mux):
            assert all(0 <= core.room(i) <= 0x7FFF for i in range(5))
        board.output.write(rng.randbytes(50))
        board.network.write(rng.randbytes(5))
        line.outward.clear()
        line.inward.clear()
    assert board.mux.refused > 500 and accepted > 20
    host.restart()
    listen(line, host, 6)
    for name in ("network", "modem", "output", "dock_out"):
        host.take(name)
    host.send("network", b"well")
    listen(line, host)
    assert host.attached and host.carries("dock_in") and drain(board.network) == b"well"


def test_no_message_to_a_board_has_an_interrupt_in_it():
    for count in range(1, 27):
        letters = [chr(97 + i) for i in range(count)]
        rows = tuple((letter, letter, 512, letter, letter) for letter in letters)
        for session in (0x0302, 0x0303, 0x1003):
            host = CableHost(session, rows)
            for _ in range(3):
                sent = host.data_to_send()
                assert b"\x03" not in sent and not set(sent) & set(b"\x01\x02\x04\x05\r\n")
                host.restart()


class OldBoard:
    """What a board of version 1 makes of a hello: its own is 10 octets long, and of another version it says its own."""

    def __init__(self):
        self.says = b""

    def hear(self, data):
        for channel, body in frames_in(data):
            if channel == "@" and len(body) == VERSION_1_HELLO_BYTES and body[0] == mux.HELLO and body[1] != 0x31:
                self.says += b"# ringcast cable 1\r\n"


def test_a_board_of_version_1_that_has_long_been_started_is_told_apart():
    """It has said its notice before this host came, and does not understand its hello."""
    host, board = CableHost(1), OldBoard()
    board.hear(host.data_to_send())
    assert board.says == b""
    host.restart()  # as its owner does where nobody answers
    board.hear(host.data_to_send())
    host.receive(board.says)
    assert host.problem == (
        "the board speaks version 1 of the cable, expected 2; flash it anew: ./ringcast flash --board NAME --port PORT"
    )


def test_the_short_hello_does_no_harm_to_a_board_of_this_version():
    line, host = Line(), CableHost(1)
    host.data_to_send()  # nobody was there
    host.restart()
    board = line.power_on()
    line.outward.clear()  # its notice was lost
    listen(line, host)
    assert host.attached and host.carries("tuner") and host.sessions == 1 and board.mux.refused == 0
    host.send("tuner", b"ts")
    line.turn(host)
    assert drain(board.tuner) == b"ts"
    host.restart()
    assert len(frames_in(host.data_to_send())) == 1  # it had answered


def test_a_host_of_version_1_is_told_the_version():
    line = Line()
    board = line.power_on()
    line.outward.clear()
    line.inward += hello(bytes(6), version=0x31)
    board.poll()
    assert line.outward == b"# ringcast cable 2\r\n" and board.mux.session is None


# The table itself has one more line, before anything else is loaded: nothing but it is told of the channel.
ONE_MORE_ROW = """
import settop.link.channels as channels
channels.CHANNELS += (("dock", "d", 2048, "dock", "dock"),)
from testbed.hil.lines import lines_of
from testbed.machines.base import INPUT_LINES, PORT_OF
from tests.helpers.cable_line import attached, drain
line, board, host = attached()
host.send("dock", b"down")
board.dock.write(b"up")
for _ in range(3):
    line.turn(host)
assert drain(board.dock) == b"down" and host.take("dock") == b"up"
assert "dock" in lines_of("cable")[0] and "dock" in lines_of("cable")[1] and PORT_OF["dock"] == "dock"
assert "dock" not in INPUT_LINES  # no UART has it
print("both ways")
"""


def test_a_channel_more_is_a_row_more():
    run = subprocess.run([sys.executable, "-c", ONE_MORE_ROW], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "both ways\n", run.stderr


def test_a_board_takes_the_channels_that_it_is_told():
    board = Cable(Line(), Line(), lambda wait_ms: False, lambda: True, CHANNELS[:2])
    assert hasattr(board, "modem") and not hasattr(board, "tuner")


def test_an_application_on_uarts_loads_nothing_of_the_cable():
    program = (
        "import sys, settop.app, settop.services.call.service; "
        "print(sorted(name for name in sys.modules if name.startswith('settop.link.')))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "['settop.link.hdlc']\n", run.stderr
