"""A virtual board whose lines all run over its USB port: one cable is the whole bench."""

import hashlib
from dataclasses import replace
from typing import Any

from settop.errors import LocalError

from testbed.line.cable import CableHost
from testbed.machines.base import COMES_BACK, NETWORK, WIRES, Machine, MachineError, TerminalSpec, check_line

TURN_NS = 1_000_000
"""The host looks at its port once a USB frame."""
HELLO_AGAIN_NS = 2_000_000_000
"""A board that has not answered for so long is said hello to again."""
QUIET_NS = 300_000_000
"""After so long without an octet the rest of a frame is not waited for any more (`CableHost.quiet`)."""
HELD_BYTES = {"tuner": 16_384, NETWORK: 16_384}
"""What the tuner holds of a broadcast that the board does not take in time, and a broadband modem of packets; beyond
that it is lost, as on a UART."""


class CabledMachine:
    """`machine`'s lines through its console alone; the firmware's board file must say LINK = "cable".

    Its serial lines are not connected. `host`: the host's end, with its counters; `lost`: octets that found tuner or
    broadband modem full, or no board with that line. Everything else (`flash`, `ram()`, `reboot()`, ...) is the
    machine's own. LocalError for a machine that does not run in virtual time. `advance` raises MachineError for a board
    that speaks another version of the cable.
    """

    def __init__(self, machine: Machine) -> None:
        if not machine.virtual:
            raise LocalError(f"{machine.name} runs in real time: give its port to a CableHost instead")
        self.machine = machine
        self.name = machine.name
        self.virtual = True
        self.lost = dict.fromkeys(HELD_BYTES, 0)
        seed: bytes = machine.spec.seed if hasattr(machine, "spec") else b""
        digest = hashlib.sha256(b"ringcast cable session" + seed).digest()
        self.host = CableHost(session=int.from_bytes(digest[:2], "big"))
        self._on = False
        self._now_ns = 0
        self._hello_ns = 0
        self._heard_ns = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.machine, name)

    def boot(self) -> None:
        self.machine.boot()
        self._on = True
        self._hello()

    def _hello(self) -> None:
        self._hello_ns = self._now_ns
        self.host.restart()

    def send(self, line: str, data: bytes) -> None:
        check_line(line, tuple(COMES_BACK))
        if not self._on:
            return
        host, held = self.host, HELD_BYTES.get(line)
        if held is not None and (not host.carries(line) or host.waiting(line) + len(data) > held):
            self.lost[line] += len(data)
        else:
            self.host.send(line, data)

    def take(self, line: str) -> bytes:
        return self.host.take(check_line(line, tuple(COMES_BACK.values())))

    def advance(self, now_ns: int) -> None:
        while self._now_ns < now_ns:
            self._now_ns = min(now_ns, (self._now_ns // TURN_NS + 1) * TURN_NS)
            host = self.host
            if not (host.attached or host.prompted) and self._now_ns - self._hello_ns >= HELLO_AGAIN_NS:
                self._hello()
            if data := self.host.data_to_send():
                self.machine.send("console", data)
            self.machine.advance(self._now_ns)
            heard = self.machine.take("console")
            if heard:
                self._heard_ns = self._now_ns
                host.receive(heard)
            elif self._now_ns - self._heard_ns >= QUIET_NS:
                self._heard_ns = self._now_ns
                host.quiet()
            if host.problem:
                raise MachineError(f"{self.name}: {host.problem}")

    def next_timer_ns(self) -> int | None:
        return self._now_ns  # both ends of the cable speak when they like

    def power_cut(self) -> None:
        self.machine.power_cut()
        self.host.receive(self.machine.take("console"))
        self.host.drop_waiting()
        self._on = False

    def close(self) -> None:
        self.machine.close()
        self._on = False


def cabled_spec(spec: TerminalSpec) -> TerminalSpec:
    """The same terminal with LINK = "cable" in its board_config.py, and nothing on its UARTs."""
    config = spec.files.get("board_config.py", b"") + b'LINK = "cable"\n'
    return replace(spec, files={**spec.files, "board_config.py": config}, wires=WIRES)
