"""PPP on the emulated Pico, up, down and cut, and peers that talk nonsense. Virtual time."""

import random

import pytest

from tests.helpers.network_bench import BRING_UP, Bench
from tests.helpers.ppp_end import IPCP, LCP, THERE, PppEnd

pytestmark = pytest.mark.pico

GROUP = bytes((239, 1, 2, 3))


@pytest.fixture(scope="module")
def image(network_image):
    return network_image


def test_ppp_comes_up_with_an_address_and_datagrams_pass_both_ways(image):
    program = (
        BRING_UP
        + """
import network, socket, board_ppp
print("address", board_ppp._ppp.ifconfig())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setblocking(False)
s.bind(("0.0.0.0", 5004))
s.sendto(b"to the host", ("10.1.2.1", 9))
print("sent")
while True:
    turn(1)
    try:
        print(s.recvfrom(2000))
        break
    except OSError:
        pass
print("end")
"""
    )
    sent = []
    for _ in range(2):
        bench = Bench(image, program)
        said = bench.run("sent\r\n")
        assert said.splitlines()[:3] == ["before down", "begun down True", "up within 50 ms True"]
        assert "address ('10.1.2.3', '255.255.255.255', '10.1.2.1', '10.1.2.1')" in said
        bench.end.send_udp(5004, b"to the terminal")
        assert "(b'to the terminal', ('10.1.2.1', 9))" in bench.run("end\r\n")
        (packet,) = (packet for packet in bench.end.packets if packet[9] == 17)
        assert packet[12:16] == THERE and packet[28:] == b"to the host"
        assert bench.end.damaged == 0 and bench.machine.uart0.overrun == bench.machine.uart0.garbled == 0
        sent.append((bench.sent.hexdigest(), bench.now_ns))
    assert sent[0] == sent[1]


def test_a_group_is_joined_its_datagrams_come_and_it_is_left(image):
    program = (
        BRING_UP
        + """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setblocking(False)
s.bind(("0.0.0.0", 5004))
group = bytes((239, 1, 2, 3)) + bytes(4)
s.setsockopt(0, socket.IP_ADD_MEMBERSHIP, group)
turn(1)
print("joined")
while True:
    turn(1)
    try:
        print(s.recv(2000))
        break
    except OSError:
        pass
s.setsockopt(0, socket.IP_DROP_MEMBERSHIP, group)
turn(5)
print("left")
"""
    )
    bench = Bench(image, program)
    bench.run("joined")
    reports = [packet for packet in bench.end.packets if packet[9] == 2]  # IGMP, RFC 2236
    assert [packet[-8] for packet in reports] == [0x16] and reports[0][-4:] == GROUP
    bench.end.send_udp(5004, b"to all", GROUP)
    assert "b'to all'" in bench.run("left\r\n")
    leave = [packet for packet in bench.end.packets if packet[9] == 2][-1]
    assert leave[-8] == 0x17 and leave[-4:] == GROUP


@pytest.mark.long
def test_a_line_that_is_cut_has_failed_within_half_a_minute_and_comes_up_again(image):
    program = (
        BRING_UP
        + """
while board.network_state() == "up":
    turn(20)
print("now", board.network_state())
board.network_up()
print("again", board.network_state())
while board.network_state() == "down":
    turn(1)
print("then", board.network_state())
"""
    )
    bench = Bench(image, program)
    bench.run("within")
    bench.cut = True
    bench.run("again down", 30_000)
    assert "now failed" in bench.said
    bench.cut, bench.end = False, PppEnd()
    bench.run("then up", 5000)  # the first request was lost, and is repeated after 3 s


@pytest.mark.long
def test_a_peer_whose_answers_wait_behind_packets_is_there_until_it_falls_silent(image):
    program = (
        BRING_UP
        + """
for _ in range(1250):
    turn(20)
print("then", board.network_state())
while board.network_state() == "up":
    turn(20)
print("now", board.network_state())
"""
    )
    bench = Bench(image, program)
    bench.run("within")
    bench.end.answers_echoes = False
    while "then" not in bench.said:
        bench.end.send_udp(5004, b"it goes on")
        for _ in range(500):
            bench.step()
    assert "then up" in bench.said
    bench.run("now failed", 30_000)


@pytest.mark.long
def test_a_peer_that_never_answers_has_failed_after_ten_requests(image):
    bench = Bench(image, BRING_UP)
    bench.cut = True
    assert "failed within 50 ms False" in bench.run("within", 40_000)


WAIT = """
import gc, time
import board
board.network_up()
last, turns, tried_ms = "", 0, time.ticks_ms()
while True:
    began = time.ticks_ms()
    moved = board.network_step()
    if time.ticks_diff(time.ticks_ms(), began) > 50:
        print("held up for", time.ticks_diff(time.ticks_ms(), began), "ms")
    state = board.network_state()
    if state != last:
        last = state
        print("now", state)
    if state == "failed" and time.ticks_diff(time.ticks_ms(), tried_ms) > 500:
        tried_ms = time.ticks_ms()
        board.network_up()
    turns += 1
    if turns % 10 == 0:
        gc.collect()
        print("alive", gc.mem_free())
    time.sleep_ms(1 if moved else 20)
"""


class Echo(PppEnd):
    """Sends the terminal's octets back to it, its magic number among them."""

    def receive(self, octets):
        self._out += octets


class Asks(PppEnd):
    """Asks anew whenever it is answered."""

    def _packet(self, packet):
        super()._packet(packet)
        if len(self._out) < 1000:
            self._say(LCP, 1, len(packet) & 0xFF, b"")


class Rubbish(PppEnd):
    """Answers with frames of any content, sealed as good ones, and octets of none."""

    def __init__(self):
        super().__init__()
        self._noise = random.Random(9)

    def receive(self, octets):
        noise = self._noise
        for _ in range(3):
            protocol = noise.choice((LCP, LCP, IPCP, 0x21, 0x57, 0xC023, 0xC223, 0x8057, noise.randrange(65536)))
            data = bytearray(noise.randbytes(noise.choice((0, 1, 3, 4, 8, 20, 200, 1500))))
            if len(data) > 4:
                data[0] = noise.randrange(16)
                data[2:4] = noise.choice((len(data), 0, 4, 0xFFFF, noise.randrange(2000))).to_bytes(2, "big")
            self._frame(protocol, bytes(data))
        self._out += noise.randbytes(noise.randrange(20))


@pytest.mark.long
@pytest.mark.parametrize("end", [Echo, Asks, Rubbish])
def test_a_peer_that_talks_nonsense_holds_nothing_up_and_the_next_one_is_understood(image, end):
    bench = Bench(image, WAIT)
    bench.end = end()
    for _ in range(1500):
        bench.step()
    assert bench.said.count("alive") >= 3 and "held up" not in bench.said and bench.machine.faults == []
    free = [int(line.split()[1]) for line in bench.said.splitlines() if line.startswith("alive ")]
    assert min(free) >= free[0] - 1024  # however long it talks
    bench.cut = True  # and what is on its way passes by
    for _ in range(200):
        bench.step()
    bench.cut, bench.end, bench.said = False, PppEnd(), ""
    bench.run("now up", 60_000)  # up to 40 s are the old connection's


class NoAddress(PppEnd):
    """Agrees on the line and never on an address."""

    def _control(self, protocol, code, *rest):
        if protocol == LCP:
            super()._control(protocol, code, *rest)


class Nowhere(PppEnd):
    """Wants the terminal to have no address."""

    def _judge(self, protocol, options):
        return (1 + 1, options) if protocol == LCP else (3, bytes((3, 6, 0, 0, 0, 0)))


@pytest.mark.long
@pytest.mark.parametrize("end", [NoAddress, Nowhere])
def test_a_network_that_gives_no_address_has_failed_within_a_minute(image, end):
    bench = Bench(image, BRING_UP)
    bench.end = end()
    assert "failed within 50 ms False" in bench.run("within", 60_000)


def test_a_soft_reset_with_the_link_up_harms_nothing(image):
    program = BRING_UP + "import machine\nprint('end')\n" + "while True: turn(5)\n"
    bench = Bench(image, program)
    bench.run("end\r\n")
    bench.machine.send("console", b"\x03")
    bench.run(">>> ")
    bench.said = ""
    bench.machine.send("console", b"\x04")
    bench.end = PppEnd()
    assert "up within 50 ms True" in bench.run("end\r\n")


def test_no_uart_to_the_network_or_no_ppp_in_the_image_is_no_network(image):
    program = "import board\nboard.network_up()\nprint(board.network_state(), board.network_step(), 'end')\n"
    bench = Bench(image, program, b"", wires=("modem", "tuner"))
    assert "none 0 end" in bench.run("end\r\n")


def test_ppp_over_a_line_that_is_brought_as_a_modems_with_a_call_on_it_again_and_again(image):
    program = """
import time
import board
modem = board.modem()
print("before", board.network_state())
for call in range(12):
    board.network_up(modem)
    while board.network_state() == "down":
        board.network_step()
    print(call, board.network_state())
    board.network_down()
    print("hung up", board.network_state())
    time.sleep_ms(20)
print("end")
"""
    bench = Bench(image, program, b"", wires=("modem", "tuner"))
    bench.line = "modem"
    while "end\r\n" not in bench.said:
        ups = bench.said.count("hung up")
        bench.run(f"{ups} up\r\nhung up none\r\n" if ups < 12 else "end\r\n")
        bench.end = PppEnd()  # who answers the next call
    assert "before none" in bench.said


def test_a_connection_that_is_ended_on_its_way_up_leaves_room_for_the_next(image):
    """lwIP has room for one, and what is left of it would have its memory in a heap that is used again."""
    program = """
import time
import board
modem = board.modem()
for _ in range(5):
    board.network_up(modem)
    for _ in range(10):
        board.network_step()
        time.sleep_ms(1)
    print(board.network_state())
    board.network_down()
print("now")
board.network_up(modem)
while board.network_state() == "down":
    board.network_step()
print("then", board.network_state())
"""
    bench = Bench(image, program, b"", wires=("modem", "tuner"))
    bench.line, bench.cut = "modem", True
    assert bench.run("now").count("down") == 5
    bench.cut = False
    bench.run("then up", 5000)


def test_a_soft_reset_while_ppp_is_on_its_way_up_harms_nothing(image):
    bench = Bench(image, BRING_UP + "print('end')\n" + "while True: turn(5)\n")
    bench.cut = True
    bench.run("begun")
    bench.machine.send("console", b"\x03")
    bench.run(">>> ")
    bench.cut, bench.said = False, ""
    bench.machine.send("console", b"\x04")
    assert "up within 50 ms True" in bench.run("end\r\n")
