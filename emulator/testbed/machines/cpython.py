"""A terminal on CPython: the firmware's own application in this process, in virtual time, over line models.

For unit tests, coverage and a quick look. The lines have their baud; computing takes no time at all. The application is
stepped once a millisecond while there is something for it to do, and else when a comparison with its clock will come
out differently (testbed.machines.noted_clock).
"""

import hashlib
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from settop.errors import LocalError
from settop.keystore.blocks import Counter, Locks

from testbed.machines.base import INPUT_LINES, OUTPUT_LINES, MachineError, TerminalSpec, check_line
from testbed.machines.noted_clock import Notes

SHIMS = Path(__file__).parent.parent / "shims"
STEP_NS = 1_000_000
UART_BUFFER_BYTES = {"modem": 1024, "tuner": 16_384}
HEAP_BYTES = 1 << 30
"""Nothing that this process would notice."""
CONSOLE_LINE_BYTES = 600
"""The longest console line; a longer one is dropped, as on every board."""


def use_shims() -> None:
    """Make the stand-ins for MicroPython's own modules (`cryptolib`, ...) importable in this process."""
    if str(SHIMS) not in sys.path:
        sys.path.append(str(SHIMS))


class _Line:
    """One direction into the firmware at 8N1: octets arrive one character time apart; a full buffer loses them."""

    def __init__(self, baud: int, buffer_bytes: int) -> None:
        self.lost = 0
        self._char_ns = 10_000_000_000 // baud
        self._buffer_bytes = buffer_bytes
        self._coming: deque[tuple[int, bytes]] = deque()  # (instant of the first octet, octets)
        self._free_ns = 0
        self._arrived = bytearray()

    def send(self, data: bytes, now_ns: int) -> None:
        start = max(now_ns, self._free_ns) + self._char_ns
        self._coming.append((start, data))
        self._free_ns = start + self._char_ns * (len(data) - 1)

    def advance(self, now_ns: int) -> None:
        while self._coming and self._coming[0][0] <= now_ns:
            start, data = self._coming.popleft()
            count = min(len(data), (now_ns - start) // self._char_ns + 1)
            room = self._buffer_bytes - len(self._arrived)
            self._arrived += data[: min(count, room)]
            self.lost += max(0, count - room)
            if count < len(data):
                self._coming.appendleft((start + count * self._char_ns, data[count:]))

    def next_ns(self) -> int | None:
        """When an octet is there, or will be."""
        if self._arrived:
            return 0
        return self._coming[0][0] if self._coming else None

    def any(self) -> int:
        return len(self._arrived)

    def readinto(self, view: memoryview) -> int:
        count = min(len(view), len(self._arrived))
        view[:count] = self._arrived[:count]
        del self._arrived[:count]
        return count


class _Uart:
    """What the firmware sees: any(), readinto(), write()."""

    def __init__(self, line: _Line) -> None:
        self.any = line.any
        self.readinto = line.readinto
        self.out = bytearray()

    def write(self, data: Any) -> int:
        self.out += data
        return len(data)


class _Files:
    """Slot files (settop.keystore.files) in a dictionary that outlives a power cut."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, path: str, limit: int) -> bytes | None:
        data = self._files.get(path)
        return None if data is None else data[:limit]

    def write(self, path: str, data: bytes) -> None:
        self._files[path] = bytes(data)

    def remove(self, path: str) -> None:
        self._files.pop(path, None)

    def names(self, folder: str) -> list[str]:
        return [path[len(folder) + 1 :] for path in self._files if path.startswith(folder + "/")]


class _Flash:
    """Four erase blocks in a bytearray that outlives a power cut: the face that settop.keystore.blocks wants."""

    block_bytes = 4096

    def __init__(self, content: bytearray) -> None:
        self._content = content

    def read(self, block: int, at: int, view: Any) -> None:
        start = block * self.block_bytes + at
        view[:] = self._content[start : start + len(view)]

    def program(self, block: int, at: int, data: Any) -> None:
        start = block * self.block_bytes + at
        for offset, octet in enumerate(data):
            self._content[start + offset] &= octet

    def erase(self, block: int) -> None:
        start = block * self.block_bytes
        self._content[start : start + self.block_bytes] = b"\xff" * self.block_bytes


class CpythonMachine:
    """See `testbed.machines.base.Machine`. `app` is the firmware's App, for tests that want to look inside; `headend`
    what a board_config.py would say of HEADEND.

    `files` are the keystore's slots; `vault` is four erase blocks, two of lock keys (the first is all that formats
    before 4 had in flash) and two of the counter.
    """

    name = "cpython"
    virtual = True

    def __init__(self, spec: TerminalSpec) -> None:
        self.spec = spec
        self.boots = 0
        self.app: Any = None
        self.files: dict[str, bytes] = {}
        self.vault = bytearray(b"\xff" * 4 * _Flash.block_bytes)
        self.headend = ""
        self._now_ns = 0
        self._due_ns: int | None = 0
        self._notes: Notes | None = None
        self._console_in: deque[bytes] = deque()
        self._console_part = b""
        self._out = {line: bytearray() for line in OUTPUT_LINES}
        self._lines = self._new_lines()

    def boot(self) -> None:
        use_shims()
        from settop.app import App

        if self.app is not None:
            raise LocalError("this terminal is already on; power_cut() first")
        self.boots += 1
        self._lines = self._new_lines()
        self._console_in.clear()
        self._console_part = b""
        self.app = App(self.board())
        self._due_ns = 0

    def _new_lines(self) -> dict[str, _Line]:
        bauds = {"modem": self.spec.baud_modem, "tuner": self.spec.baud_tuner}
        return {line: _Line(baud, UART_BUFFER_BYTES[line]) for line, baud in bauds.items()}

    def board(self) -> SimpleNamespace:
        """What the firmware finds here as its module `board`: the names that every board has, and FILES."""
        modem, tuner = _Uart(self._lines["modem"]), _Uart(self._lines["tuner"])
        modem.out, tuner.out = self._out["modem"], self._out["output"]
        boot, draws = self.boots, [0]

        def entropy() -> bytes:
            draws[0] += 1
            return hashlib.sha256(b"cpython entropy %d %d " % (boot, draws[0]) + self.spec.seed).digest()

        locks, counter = Locks(_Flash(self.vault), (0, 1)), Counter(_Flash(self.vault), (2, 3))
        return SimpleNamespace(
            NAME=self.name,
            PORT=self.name,
            LINK="uarts",
            CORES=1,
            UARTS=None,
            WIRES={0: "modem", 1: "tuner"},
            SERVICES=self.spec.services,
            HEADEND=self.headend,
            MODEM_BAUD=self.spec.baud_modem,
            TUNER_BAUD=self.spec.baud_tuner,
            STORAGE="keys",
            LOCK_PLACE="the machine object: it outlives a power cut and nothing else",
            NETWORK=None,
            HEAP_BYTES=HEAP_BYTES,
            FLASH_BYTES=0,
            FILES=_Files(self.files),
            Console=lambda: SimpleNamespace(read_line=self._read_line, write_line=self._write_line),
            modem=lambda: modem,
            tuner_and_output=lambda: (tuner, tuner),
            load_locks=locks.load,
            locks_damaged=locks.damaged,
            store_lock=locks.store,
            forget_old_lock=locks.give_up,
            counter=counter.value,
            count=counter.count,
            unique_id=lambda: hashlib.sha256(b"cpython id " + self.spec.seed).digest()[:8],
            entropy=entropy,
            ticks_ms=self._ticks_ms,
            ticks_diff=lambda a, b: a - b,
            idle=lambda idle_ms: None,  # time goes by in advance() alone
        )

    def _ticks_ms(self) -> int:
        ticks_ms = self._now_ns // 1_000_000
        return ticks_ms if self._notes is None else self._notes.reading(ticks_ms)

    def _read_line(self) -> str | None:
        return self._console_in.popleft().decode() if self._console_in else None

    def _write_line(self, text: str) -> None:
        self._out["console"] += text.encode() + b"\r\n"

    def send(self, line: str, data: bytes) -> None:
        check_line(line, INPUT_LINES)
        if self.app is None:
            return
        if line == "console":
            *lines, self._console_part = (self._console_part + data).replace(b"\r", b"\n").split(b"\n")
            self._console_in.extend(part for part in lines if 0 < len(part) <= CONSOLE_LINE_BYTES)
        elif data:
            self._lines[line].send(data, self._now_ns)

    def take(self, line: str) -> bytes:
        out = self._out[check_line(line, OUTPUT_LINES)]
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
        timers = (self._due_ns, *(line.next_ns() for line in self._lines.values()))
        return min((at_ns for at_ns in timers if at_ns is not None), default=None)

    def _step(self, app: Any) -> None:
        for line in self._lines.values():
            line.advance(self._now_ns)
        busy = bool(self._console_in) or any(line.any() for line in self._lines.values())
        if not busy and (self._due_ns is None or self._now_ns < self._due_ns):
            # Nothing will come of it, but what the firmware keeps of its last step is then of this one.
            self._run(app)
            return
        self._due_ns = 0
        if busy:
            self._run(app)
            return
        put_out = sum(map(len, self._out.values()))
        self._notes = notes = Notes()
        try:
            at_once = self._run(app) == 0
        finally:
            notes.close()
            self._notes = None
        if not at_once and sum(map(len, self._out.values())) == put_out:
            self._due_ns = None if notes.due is None else (self._now_ns // 1_000_000 + notes.due) * 1_000_000

    def _run(self, app: Any) -> int:
        try:
            idle_ms: int = app.step()
        except Exception as error:
            raise MachineError(f"the firmware stopped: {type(error).__name__}: {error}") from error
        return idle_ms

    def power_cut(self) -> None:
        self.app = None

    def close(self) -> None:
        self.power_cut()
