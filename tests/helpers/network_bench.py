"""An emulated Pico whose image has a network, with a PPP line, in virtual time."""

import hashlib

from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine

from tests.helpers.ppp_end import PppEnd

MS = 1_000_000
PICO = load_board("pico")
WIRES = b"WIRES = {0: 'network', 1: 'tuner'}\n"

BRING_UP = """
import gc, time
import board
print("before", board.network_state())
began = time.ticks_us()
board.network_up()
board.network_up()
print("begun", board.network_state(), time.ticks_diff(time.ticks_us(), began) < 5000)
def turn(ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    moved = 0
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        came = board.network_step()
        moved += came
        time.sleep_ms(1 if came or ms < 20 else 20)
    return moved
while board.network_state() == "down":
    turn(1 if time.ticks_diff(time.ticks_us(), began) < 100000 else 20)
print(board.network_state(), "within 50 ms", time.ticks_diff(time.ticks_us(), began) < 50000)
"""
"""A program's beginning: the link is up, and `turn(ms)` keeps it going."""


class Bench:
    """A board with a PPP line on UART0 and `end` at its far end."""

    def __init__(self, image, program="", config=WIRES, **spec):
        files = {**PICO.board_modules(), "main.py": program.encode(), "board_config.py": config} if program else {}
        spec = {"files": files, "wires": ("network", "tuner"), "seed": b"net", **spec}
        self.machine = PicoMachine(image, TerminalSpec(**spec))
        self.end = PppEnd()
        self.said, self.sent = "", hashlib.sha256()
        self.cut = False
        self.line = "network" if "network" in spec["wires"] else ""
        self.now_ns = 0
        self.machine.boot()

    def run(self, until, limit_ms=3000):
        """Step until the console has said `until`; all that it said."""
        stop_ns = self.now_ns + limit_ms * MS
        while until not in self.said:
            assert self.now_ns < stop_ns, f"no {until!r} in {limit_ms} ms: {self.said} {self.machine.faults}"
            self.step()
        return self.said

    def step(self):
        """A millisecond."""
        self.now_ns += MS
        self.machine.advance(self.now_ns)
        if self.line:
            octets = self.machine.take(self.line)
            self.sent.update(self.now_ns.to_bytes(8, "big") + octets)
            if not self.cut:
                self.end.receive(octets)
                said = self.end.take()
                if self.machine.uart0.queued < 4096:  # the rest is lost: who floods the line has not got more of it
                    self.machine.send(self.line, said)
        self.said += self.machine.take("console").decode()
