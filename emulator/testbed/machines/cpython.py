"""A terminal on CPython: the firmware's own application in this process, in virtual time, over line models.

For unit tests, coverage and a quick look. The lines have their baud; computing takes no time at all. The application is
stepped once a millisecond while there is something for it to do, and else when a comparison with its clock will come
out differently (testbed.machines.noted_clock).
"""

import errno
import hashlib
import io
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from settop.errors import LocalError
from settop.keystore.blocks import Counter, Locks
from settop.link.channels import CONSOLE

from testbed.machines.base import COMES_BACK, DOCK, NETWORK, MachineError, TerminalSpec, check_line
from testbed.machines.codec.chip import Vs1053
from testbed.machines.codec.direct_bus import DirectBus
from testbed.machines.codec.sound import Sound
from testbed.machines.cpython_network import Uplink
from testbed.machines.cpython_parts import Copies, Files, Flash, Line, ModuleFiles, TitleFiles, Uart
from testbed.machines.noted_clock import Notes

SHIMS = Path(__file__).parent.parent / "shims"
STEP_NS = 1_000_000
UART_BUFFER_BYTES = {"modem": 1024, "tuner": 16_384, NETWORK: 8192, DOCK: 2048}
HEAP_BYTES = 1 << 30
"""Nothing that this process would notice."""
CONSOLE_LINE_BYTES = 600
"""The longest console line; a longer one is dropped, as on every board."""


def use_shims() -> None:
    """Make the stand-ins for MicroPython's own modules (`cryptolib`, ...) importable in this process."""
    if str(SHIMS) not in sys.path:
        sys.path.append(str(SHIMS))


class CpythonMachine:
    """See `testbed.machines.base.Machine`. `app` is the firmware's App, for tests that want to look inside; `headend`,
    `signer`: what a board_config.py would say of HEADEND and SIGNER.

    `files` are the keystore's slots, `spec.files` those that the firmware may open; `vault` is four erase blocks, two
    of lock keys (the first is all that formats before 4 had in flash) and two of the counter. With `spec.codec` it has
    a decoder chip, `codec` in this life, and `sound` is what was heard in all of them.
    """

    name = "cpython"
    virtual = True

    def __init__(self, spec: TerminalSpec) -> None:
        self.spec = spec
        self.boots = 0
        self.app: Any = None
        self.files: dict[str, bytes] = {}
        self.unique_id = hashlib.sha256(b"cpython id " + spec.seed).digest()[:8]
        self.vault = bytearray(b"\xff" * 4 * Flash.block_bytes)
        self.headend = ""
        self.signer = ""
        self.sound = Sound()
        self.codec: Vs1053 | None = None
        self._bus: DirectBus | None = None
        self._now_ns = 0
        self._due_ns: int | None = 0
        self._notes: Notes | None = None
        self._console_in: deque[bytes] = deque()
        self._console_part = b""
        self._lines_in = (CONSOLE, *spec.wires)
        self._out = {COMES_BACK.get(line, line): bytearray() for line in self._lines_in}
        self._lines = self._new_lines()
        self._uplink = self._new_uplink()

    def boot(self) -> None:
        use_shims()
        from settop.app import App

        if self.app is not None:
            raise LocalError("this terminal is already on; power_cut() first")
        self.boots += 1
        self._lines = self._new_lines()
        self._uplink = self._new_uplink()
        self._console_in.clear()
        self._console_part = b""
        if self.spec.codec:
            self.codec = Vs1053(self._now_ns, self.sound)
            self._bus = DirectBus(self.codec, lambda: self._now_ns)
        self.app = App(self.board())
        self._due_ns = 0

    def _new_lines(self) -> dict[str, Line]:
        return {wire: Line(self.spec.baud(wire), UART_BUFFER_BYTES[wire]) for wire in self.spec.wires}

    def _uart(self, wire: str) -> Uart:
        return Uart(self._lines[wire], self._out[COMES_BACK.get(wire, wire)])

    def _new_uplink(self) -> Uplink:
        drawn = hashlib.sha256(b"cpython network %d " % self.boots + self.spec.seed).digest()
        own = self._uart(NETWORK) if NETWORK in self.spec.wires else None
        return Uplink(own, int.from_bytes(drawn[:8], "big"), lambda: self._now_ns)

    def board(self) -> SimpleNamespace:
        """What the firmware finds here as its module `board`: the names that every board has; FILES, SOCKETS, open."""
        uarts = {wire: self._uart(wire) for wire in self.spec.wires}
        uplink = self._uplink
        boot, draws = self.boots, [0]

        def entropy() -> bytes:
            draws[0] += 1
            return hashlib.sha256(b"cpython entropy %d %d " % (boot, draws[0]) + self.spec.seed).digest()

        locks, counter = Locks(Flash(self.vault), (0, 1)), Counter(Flash(self.vault), (2, 3))
        return SimpleNamespace(
            NAME=self.name,
            PORT=self.name,
            LINK="uarts",
            CORES=1,
            UARTS=None,
            WIRES=dict(enumerate(self.spec.wires)),
            SERVICES=self.spec.services,
            HEADEND=self.headend,
            SIGNER=self.signer,
            MODEM_BAUD=self.spec.baud_modem,
            TUNER_BAUD=self.spec.baud_tuner,
            STORAGE="keys",
            LOCK_PLACE="the machine object: it outlives a power cut and nothing else",
            NETWORK="ppp",
            CODEC=() if self.spec.codec else None,
            HEAP_BYTES=HEAP_BYTES,
            FLASH_BYTES=0,
            FILES=Files(self.files),
            open=self._open,
            MODULE_FILES=ModuleFiles(self.files),
            TITLE_FILES=TitleFiles(self.files),
            COPIES=Copies(self.files),
            SOCKETS=uplink.modules,
            Console=lambda: SimpleNamespace(read_line=self._read_line, write_line=self._write_line),
            modem=lambda: uarts["modem"],
            dock=lambda: uarts[DOCK],
            tuner_and_output=lambda: (uarts["tuner"], uarts["tuner"]),
            load_locks=locks.load,
            locks_damaged=locks.damaged,
            store_lock=locks.store,
            forget_old_lock=locks.give_up,
            counter=counter.value,
            count=counter.count,
            codec=lambda: None if self._bus is None else self._bus.wires(),
            network_up=uplink.up,
            network_down=uplink.down,
            network_state=uplink.state,
            network_step=uplink.step,
            network_names=uplink.names,
            unique_id=lambda: self.unique_id,
            entropy=entropy,
            ticks_ms=self._ticks_ms,
            ticks_diff=lambda a, b: a - b,
            idle=lambda idle_ms: None,  # time goes by in advance() alone
        )

    def _open(self, path: str, mode: str) -> io.BytesIO:
        """A file of `spec.files`, or one that was downloaded, for reading."""
        found = self.spec.files.get(path, self.files.get(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return io.BytesIO(found)

    def _ticks_ms(self) -> int:
        ticks_ms = self._now_ns // 1_000_000
        return ticks_ms if self._notes is None else self._notes.reading(ticks_ms)

    def _read_line(self) -> str | None:
        return self._console_in.popleft().decode() if self._console_in else None

    def _write_line(self, text: str) -> None:
        self._out["console"] += text.encode() + b"\r\n"

    def send(self, line: str, data: bytes) -> None:
        check_line(line, self._lines_in)
        if self.app is None:
            return
        if line == "console":
            *lines, self._console_part = (self._console_part + data).replace(b"\r", b"\n").split(b"\n")
            self._console_in.extend(part for part in lines if 0 < len(part) <= CONSOLE_LINE_BYTES)
        elif data:
            self._lines[line].send(data, self._now_ns)

    def take(self, line: str) -> bytes:
        out = self._out[check_line(line, tuple(self._out))]
        data = bytes(out)
        out.clear()
        return data

    def advance(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise LocalError(f"time ran back from {self._now_ns} to {now_ns} ns")
        while self._now_ns < now_ns:
            due_ns = self.next_timer_ns()
            next_ns = now_ns if due_ns is None else max(self._now_ns + 1, due_ns)
            self._now_ns = min(now_ns, -(-next_ns // STEP_NS) * STEP_NS)
            if self.app is not None:
                self._step(self.app)

    def next_timer_ns(self) -> int | None:
        if self.app is None:
            return None
        if self._console_in:
            return 0
        timers = [self._due_ns, self._uplink.due_ns(), *(line.next_ns() for line in self._lines.values())]
        if self._bus is not None:
            timers.append(self._bus.next_ns())
        return min((at_ns for at_ns in timers if at_ns is not None), default=None)

    def _step(self, app: Any) -> None:
        for line in self._lines.values():
            line.advance(self._now_ns)
        linked_ns = self._uplink.due_ns()
        busy = bool(self._console_in) or any(line.any() for line in self._lines.values())
        busy = busy or (linked_ns is not None and linked_ns <= self._now_ns)
        busy = (self._bus is not None and self._bus.wants_step()) or busy
        if not busy and (self._due_ns is None or self._now_ns < self._due_ns):
            # Nothing will come of it, but what the firmware keeps of its last step is then of this one.
            self._run(app)
            return
        self._due_ns = 0
        if busy:
            self._run(app)
            return
        before = self._done
        self._notes = notes = Notes()
        try:
            at_once = self._run(app) == 0
        finally:
            notes.close()
            self._notes = None
        if not at_once and self._done == before:
            self._due_ns = None if notes.due is None else (self._now_ns // 1_000_000 + notes.due) * 1_000_000

    @property
    def _done(self) -> int:
        """It grows with whatever the firmware does that is seen outside of it."""
        return self._uplink.stirs + sum(map(len, self._out.values()))

    def _run(self, app: Any) -> int:
        try:
            idle_ms: int = app.step()
        except Exception as error:
            raise MachineError(f"the firmware stopped: {type(error).__name__}: {error}") from error
        return idle_ms

    def power_cut(self) -> None:
        self.app = None
        self._bus = None

    def close(self) -> None:
        self.power_cut()
