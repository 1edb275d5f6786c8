"""An emulated Pico with a network and the bench's network at the far end of its line, in virtual time."""

from collections.abc import Mapping
from typing import Any

from testbed.boards import load_board
from testbed.machines.base import NETWORK, WIRES, Machine, MachineError, TerminalSpec
from testbed.machines.cabled import CabledMachine
from testbed.machines.pico import PicoMachine
from testbed.network.links import Link
from testbed.network.network import Network
from testbed.runtimes.image import Image

MS = 1_000_000
BAUD = 1_500_000
LIMIT_MS = 60_000
UARTS = (NETWORK, "tuner")

BRING_UP = """
import board, gc, time
def turn(ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        board.network_step()
began = time.ticks_us()
board.network_up()
while board.network_state() == "down":
    board.network_step()
up_us = time.ticks_diff(time.ticks_us(), began)
"""
"""A program's beginning: its link is up, or has failed, after `up_us`; `turn(ms)` keeps it going."""


class NetworkRig:
    """`network`: its hosts; `line`: the provider's end of PPP, 1.5 Mbaud. `said`: what the board's console said.

    program: the board's main.py, beside the board's modules and what of settop they and it import. config: more of
    its board_config.py.
    cable: all lines on one cable, with the modem's and the tuner's beside the network's. Stepped by a millisecond.
    """

    def __init__(
        self,
        image: Image,
        program: str,
        *,
        config: Mapping[str, object] = {},
        cable: bool = False,
        down: Link | None = None,
        seed: int = 1,
    ) -> None:
        wires = (*WIRES, NETWORK) if cable else UARTS
        settings = {
            "LINK": "cable" if cable else "uarts",
            "WIRES": dict(enumerate(wires)),
            "SERVICES": (),
            **config,
        }
        board = load_board("pico")
        files = board.files(settings, {**board.board_modules(), "main.py": program.encode()})
        spec = TerminalSpec(files=files, wires=WIRES if cable else UARTS, seed=b"rig")
        self.board: Any = PicoMachine(image, spec)
        self.machine: Machine = CabledMachine(self.board) if cable else self.board
        self.network = Network(seed)
        self.line = self.network.ppp(down=down or Link(rate_bits_s=BAUD))
        self.cut = False  # the wire is
        self.said = ""
        self.now_ns = 0
        self.machine.boot()

    def step(self) -> None:
        """A millisecond."""
        self.now_ns += MS
        self.machine.advance(self.now_ns)
        octets = self.machine.take(NETWORK)
        self.line.receive(b"" if self.cut else octets, self.now_ns)
        octets = self.line.take()
        if octets and not self.cut:
            self.machine.send(NETWORK, octets)
        self.said += self.machine.take("console").decode()

    def run(self, until: str, limit_ms: int = LIMIT_MS) -> str:
        """Until the console has said `until`; all that it said. MachineError where it does not within that time."""
        end_ns = self.now_ns + limit_ms * MS
        while until not in self.said:
            if self.now_ns >= end_ns or "Traceback" in self.said:
                raise MachineError(
                    f"no {until!r} in {limit_ms} ms of virtual time; the board said {self.said[-400:]!r}"
                )
            self.step()
        return self.said

    def close(self) -> None:
        self.machine.close()
