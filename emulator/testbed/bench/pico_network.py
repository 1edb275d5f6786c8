"""The network of the Pico: what its line carries, what it costs of core and heap, and how soon it is there."""

from collections.abc import Callable
from contextlib import closing
from functools import cache

from testbed.bench.figure import Figure
from testbed.bench.network_rig import BRING_UP, NetworkRig
from testbed.bench.pico_call import SRAM_BYTES
from testbed.network.addresses import Endpoint
from testbed.network.host import UdpPort
from testbed.network.network import TERMINAL, Network
from testbed.network.tcp.connection import Connection
from testbed.runtimes.find import network_image, pico_image
from testbed.runtimes.image import Image

SERVER, PORT = "203.0.113.7", 5001
OCTETS = 65_536
IN_GOAL_KBYTE_S, OUT_GOAL_KBYTE_S = 95, 130
UDP_GOAL_KBYTE_S, BUSY_LIMIT_PERCENT = 60, 40
UDP_RATES_KBYTE_S = (*range(60, 150, 10),)
"""Of payload, tried in this order up to the first at which a datagram is lost."""
UDP_BYTES = 1316
"""Seven packets of a programme, as television by multicast has them."""
UDP_S = 2
UP_LIMIT_MS = 50
HEAP_LIMIT_BYTES = 60 * 1024
_NS = 1_000_000_000

_TCP = """
import socket
step = board.network_step
buffer = memoryview(bytearray(2048))
line = socket.socket()
line.setblocking(False)
def until(work):
    while True:
        step()
        try:
            count = work()
        except OSError:
            continue
        if count:
            return count
try:
    line.connect((%(server)r, %(port)d))
except OSError:
    pass
until(lambda: line.write(b"?"))
gc.collect()
began = time.ticks_us()
came = 0
while came < %(octets)d:
    came += until(lambda: line.readinto(buffer))
print("in", time.ticks_diff(time.ticks_us(), began))
gc.collect()
began = time.ticks_us()
went = 0
while went < %(octets)d:
    went += until(lambda: line.write(buffer[: min(1600, %(octets)d - went)]))
until(lambda: line.readinto(buffer))
print("out", time.ticks_diff(time.ticks_us(), began))
"""
_UDP = """
import socket
step = board.network_step
buffer = bytearray(2048)
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("0.0.0.0", %(port)d))
port.setblocking(False)
def listen(ms, wanted):
    idle = came = 0
    began = now = time.ticks_ms()
    while came < wanted and time.ticks_diff(now, began) < ms:
        if step():
            try:
                while port.readinto(buffer):
                    came += 1
            except OSError:
                pass
        while time.ticks_ms() == now:
            idle += 1
        now = time.ticks_ms()
    return came, idle * 1000 // time.ticks_diff(now, began)
gc.collect()
_, free = listen(500, 1)
port.sendto(b"?", (%(server)r, %(port)d))
came, idle = listen(%(ms)d, %(count)d)
print("came", came)
print("idle", idle * 1000 // free)
"""


class _Echoes:
    """Sends as many octets as are measured, takes as many, and says when it has them."""

    def opened(self, conn: Connection) -> None:
        self._came = 0

    def received(self, conn: Connection, data: bytes) -> None:
        if not self._came:
            conn.send(bytes(OCTETS))
        self._came += len(data)
        if self._came == OCTETS + 1:
            conn.send(b"!")

    def closed(self, conn: Connection) -> None:
        conn.close()


def _numbers(said: str, word: str) -> list[int]:
    """What the console said behind the word, each time."""
    return [int(line.split()[1]) for line in said.splitlines() if line.split()[:1] == [word]]


def _play(image: Image | None, program: str, serve: Callable[[Network], None]) -> tuple[str, NetworkRig]:
    rig = NetworkRig(image or network_image(), BRING_UP + program + "\nprint('up', up_us)\nprint('over')\n")
    with closing(rig):
        serve(rig.network)
        return rig.run("over\r\n"), rig


@cache
def tcp_us(image: Image | None = None) -> tuple[int, int, int]:
    """Microseconds of the board's own clock: for OCTETS to it, from it until the last is acknowledged by the server's
    program, and for the link to come up."""
    words = {"server": SERVER, "port": PORT, "octets": OCTETS}
    said, _ = _play(image, _TCP % words, lambda network: network.host(SERVER).serve_tcp(PORT, _Echoes))
    (into,), (out,), (up,) = (_numbers(said, word) for word in ("in", "out", "up"))
    return into, out, up


class _Pacer:
    """Sends `count` datagrams at so many kB/s to whoever asks."""

    def __init__(self, network: Network, kbyte_s: int, count: int) -> None:
        self._network, self._left = network, count
        self._apart_ns = UDP_BYTES * _NS // (1000 * kbyte_s)
        self._to: Endpoint = (TERMINAL, PORT)

    def serve(self) -> None:
        self._port: UdpPort = self._network.host(SERVER).serve_udp(PORT, self)

    def received(self, source: Endpoint, data: bytes) -> list[bytes]:
        self._to = source
        self._network.at(self._network.now_ns + self._apart_ns, self._send)
        return []

    def _send(self) -> None:
        self._port.send(self._to, bytes(UDP_BYTES))
        self._left -= 1
        if self._left:
            self._network.at(self._network.now_ns + self._apart_ns, self._send)


@cache
def udp(kbyte_s: int, image: Image | None = None) -> tuple[int, int, float]:
    """(datagrams sent, datagrams that the board's program read, per cent that its core was busy) at this rate.

    The program looks once a millisecond, and counts in an idle loop until the next one: the core's share is what it
    lacks of the count while nothing comes.
    """
    count = 1000 * kbyte_s * UDP_S // UDP_BYTES
    words = {"server": SERVER, "port": PORT, "count": count, "ms": UDP_S * 1000 + 500}
    said, _ = _play(image, _UDP % words, lambda network: _Pacer(network, kbyte_s, count).serve())
    (came,), (idle,) = (_numbers(said, word) for word in ("came", "idle"))
    return count, came, 100 - idle / 10


@cache
def heap_free_bytes(network: bool, image: Image | None = None) -> int:
    """MicroPython's free heap after gc.collect(): with the board's own modules loaded; `network`: on the image with a
    network, once the link is up, too."""
    free = "gc.collect()\nprint('free', gc.mem_free())\n"
    if network:
        return _numbers(_play(image, free, lambda network: None)[0], "free")[0]
    rig = NetworkRig(image or pico_image(), f"import board, gc\n{free}print('over')\n")
    with closing(rig):
        return _numbers(rig.run("over\r\n"), "free")[0]


def pico_tcp_in_kbyte_s(image: Image | None = None) -> Figure:
    into, _, _ = tcp_us(image)
    how = (
        f"{OCTETS:,} octets from a server to the board's socket in {into / 1000:.1f} ms of its clock, PPP on a UART of "
        "1.5 Mbaud, segments of 800 octets, window 6,400, read by a loop that does nothing else; kB of 1,000"
    )
    return Figure("pico_tcp_in_kbyte_s", round(OCTETS * 1000 / into, 1), "kB/s", IN_GOAL_KBYTE_S, "higher", how)


def pico_tcp_out_kbyte_s(image: Image | None = None) -> Figure:
    _, out, _ = tcp_us(image)
    how = (
        f"{OCTETS:,} octets from the board's socket to a server's program, whose answer is there after "
        f"{out / 1000:.1f} ms; otherwise as the other way"
    )
    return Figure("pico_tcp_out_kbyte_s", round(OCTETS * 1000 / out, 1), "kB/s", OUT_GOAL_KBYTE_S, "higher", how)


def pico_udp_kbyte_s_without_loss(image: Image | None = None) -> Figure:
    """0 where the lowest of the rates loses."""
    best, seen = 0, []
    for rate in UDP_RATES_KBYTE_S:
        sent, came, busy = udp(rate, image)
        seen.append(f"{rate} kB/s: {came} of {sent}, core {busy:.0f} % busy")
        if came < sent:
            break
        best = rate
    how = (
        f"datagrams of {UDP_BYTES:,} octets, evenly apart, for {UDP_S} s at each rate up to the first that loses one "
        f"({'; '.join(seen)}); PPP on a UART of 1.5 Mbaud, a socket that keeps one unread"
    )
    return Figure("pico_udp_kbyte_s_without_loss", float(best), "kB/s", UDP_GOAL_KBYTE_S, "higher", how)


def pico_udp_core_busy_percent(image: Image | None = None) -> Figure:
    sent, came, busy = udp(UDP_GOAL_KBYTE_S, image)
    how = (
        f"at {UDP_GOAL_KBYTE_S} kB/s of UDP ({came} of {sent} datagrams read): what a loop, which fills the rest of "
        "each millisecond, lacks of the turns that it makes while nothing comes"
    )
    return Figure("pico_udp_core_busy_percent", round(busy, 1), "%", BUSY_LIMIT_PERCENT, "lower", how)


def network_heap_bytes(image: Image | None = None) -> Figure:
    stock, free = heap_free_bytes(False), heap_free_bytes(True, image)
    how = (
        f"free heap of the stock image with the board's modules, {stock:,} bytes, less that of the image with a "
        f"network whose link is up, {free:,}: lwIP and PPP in SRAM, the UART's buffers, the board's network modules "
        f"from files; SRAM has {SRAM_BYTES:,}"
    )
    return Figure("network_heap_bytes", float(stock - free), "bytes", float(HEAP_LIMIT_BYTES), "lower", how)


def ppp_up_ms(image: Image | None = None) -> Figure:
    _, _, up = tcp_us(image)
    how = "from board.network_up() to the turn in which board.network_state() is up: LCP and IPCP at 1.5 Mbaud"
    return Figure("ppp_up_ms", round(up / 1000, 1), "ms", float(UP_LIMIT_MS), "lower", how)
