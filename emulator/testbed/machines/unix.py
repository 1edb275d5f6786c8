"""A terminal on the MicroPython unix port, in real time: a process with three ptys and pipes for a console.

The interpreter runs main.py in a folder of its own, with sys.argv[1:] = the paths of the modem, tuner and
output ptys, which are raw already: poll, then read(n) gives up to n bytes at once. The console is its standard
input and output. With `spec.codec` there is a fourth pty, a decoder chip at its far end: `codec` in this life, and
`sound` is what was heard in all of them, in real time. Files survive `power_cut` and are gone after `close`.
"""

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import tty
from pathlib import Path, PurePosixPath

from settop.errors import LocalError

from testbed.machines.base import INPUT_LINES, OUTPUT_LINES, MachineError, TerminalSpec, check_line
from testbed.machines.codec.chip import Vs1053
from testbed.machines.codec.line_bus import LineBus
from testbed.machines.codec.sound import Sound
from testbed.runtimes.image import Binary

_CHUNK_BYTES = 4096
_STDERR_BYTES = 8192
_PTYS = ("modem", "tuner", "output")
_CODEC = "codec"
_CODEC_LOOK_S = 0.002
"""How often at least the terminal is told how its decoder chip gets on."""


def _set_line(slave: int) -> None:
    """Raw, and a read gives what is there: MicroPython's read(n) would otherwise wait for n bytes."""
    tty.setraw(slave)
    attributes = termios.tcgetattr(slave)
    attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
    termios.tcsetattr(slave, termios.TCSANOW, attributes)


class UnixMachine:
    """The firmware as a process.

    A main.py that ends with status 0 leaves the machine off, any other is an error.
    """

    name = "unix"
    virtual = False

    def __init__(self, binary: Binary, spec: TerminalSpec):
        """Raises LocalError for a file name that leads out of the terminal's folder, OSError where it cannot be
        made."""
        self.spec = spec
        self._argv = binary.argv
        self._folder = Path(tempfile.mkdtemp(prefix="ringcast-terminal-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._inputs: dict[str, int] = {}
        self._outputs: dict[int, str] = {}
        self._held: list[int] = []
        self._waiting = {line: bytearray() for line in INPUT_LINES}
        self._taken = {line: bytearray() for line in OUTPUT_LINES}
        self._complaint = bytearray()
        self.sound = Sound()
        self.codec: Vs1053 | None = None
        self._bus: LineBus | None = None
        self._ptys: tuple[str, ...] = _PTYS
        if spec.codec:
            self._ptys = (*_PTYS, _CODEC)
            self._waiting[_CODEC] = bytearray()
        try:
            for name, data in spec.files.items():
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts or not path.parts:
                    raise LocalError(f"file name {name!r}: expected a relative path without ..")
                target = self._folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> Path:
        """The terminal's file system."""
        return self._folder

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def boot(self) -> None:
        if self._process is not None:
            raise LocalError("this terminal is already on; power_cut() first")
        self._complaint.clear()
        try:
            self._start()
        except OSError as error:
            raise MachineError(f"{self._argv[0]} does not start: {error}") from error
        finally:
            if self._process is None:
                self._hang_up()

    def _start(self) -> None:
        paths = {}
        if self.spec.codec:
            self.codec = Vs1053(time.monotonic_ns(), self.sound)
            self._bus = LineBus(self.codec, time.monotonic_ns)
        for name in self._ptys:
            master, slave = pty.openpty()
            self._held += [master, slave]  # the slave stays open: a closed one would make reads fail
            _set_line(slave)
            os.set_blocking(master, False)
            paths[name] = os.ttyname(slave)
            if name in (*INPUT_LINES, _CODEC):
                self._inputs[name] = master
            if name in (*OUTPUT_LINES, _CODEC):
                self._outputs[master] = name
        self._process = process = subprocess.Popen(
            [
                *self._argv,
                "-X",
                f"heapsize={self.spec.heap_bytes}",
                "main.py",
                *(paths[name] for name in self._ptys),
            ],
            cwd=self._folder,
            env={"PATH": os.defpath, "HOME": str(self._folder), "MICROPYPATH": ".frozen:lib"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the bench is the bench's
        )
        assert process.stdin and process.stdout and process.stderr
        for pipe in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
        self._inputs["console"] = process.stdin.fileno()
        self._outputs[process.stdout.fileno()] = "console"
        self._outputs[process.stderr.fileno()] = "stderr"

    def send(self, line: str, data: bytes) -> None:
        """Bytes for a terminal that is off are lost. Nothing is paced: the caller's lines have the rates."""
        check_line(line, INPUT_LINES)
        if self._process is not None:
            self._waiting[line] += data
            self._pump(0)

    def take(self, line: str) -> bytes:
        check_line(line, OUTPUT_LINES)
        if self._process is not None:
            self._pump(0)
        data = bytes(self._taken[line])
        self._taken[line].clear()
        return data

    def advance(self, now_ns: int) -> None:
        """Move bytes until `time.monotonic_ns()` is `now_ns`; at once, after one look, when that has passed."""
        while True:
            left_s = (now_ns - time.monotonic_ns()) / 1e9
            self._pump(max(0.0, left_s))
            self._check()
            if left_s <= 0:
                return

    def _pump(self, wait_s: float) -> None:
        """Waits for bytes, moves what there are."""
        if self._bus is not None:
            self._waiting[_CODEC] += self._bus.send()
            wait_s = min(wait_s, _CODEC_LOOK_S)
        writers = {self._inputs[line]: line for line, data in self._waiting.items() if data and line in self._inputs}
        if not self._outputs and not writers:
            time.sleep(wait_s)
            return
        ready, writable, _ = select.select(list(self._outputs), list(writers), [], wait_s)
        for descriptor in ready:
            name = self._outputs[descriptor]
            try:
                data = os.read(descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:  # the process closed its end: no more will come
                del self._outputs[descriptor]
            elif name == "stderr":
                self._complaint += data
                del self._complaint[:-_STDERR_BYTES]
            elif name == _CODEC:
                if self._bus is not None:
                    self._bus.receive(data)
            else:
                self._taken[name] += data
        for descriptor in writable:
            line = writers[descriptor]
            try:
                written = os.write(descriptor, bytes(self._waiting[line][:_CHUNK_BYTES]))
                del self._waiting[line][:written]
            except BlockingIOError:
                pass
            except OSError:  # nobody reads any more: like bytes into a cut cable
                self._waiting[line].clear()
                self._inputs.pop(line, None)

    def _check(self) -> None:
        process = self._process
        if process is None or process.poll() is None:
            return
        for _ in range(16):  # what it wrote before it ended
            self._pump(0)
        status = process.returncode
        if status == 0:
            return
        words = self._complaint.decode(errors="replace").strip() or "it wrote nothing to stderr"
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        self._hang_up()
        raise MachineError(f"the terminal's process ended with {how}: {words}")

    def next_timer_ns(self) -> int | None:
        return 0  # it runs by itself

    def power_cut(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for _ in range(16):
            self._pump(0)
        self._hang_up()

    def _hang_up(self) -> None:
        process = self._process
        if process is not None:
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        for descriptor in self._held:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._process = None
        self._bus = None
        self._held.clear()
        self._inputs.clear()
        self._outputs.clear()
        for data in self._waiting.values():
            data.clear()

    def close(self) -> None:
        self.power_cut()
        shutil.rmtree(self._folder, ignore_errors=True)
