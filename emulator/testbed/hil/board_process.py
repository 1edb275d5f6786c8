"""`ringcast board` as a child process: start it, cut its power, pull its plug, kill it."""

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

from testbed.hil.pty_board import Page, PtyBoard
from testbed.machines.base import MachineError

START_LIMIT_S = 60.0
"""Python, the emulator and an image from the cache take two seconds on an idle host."""
END_LIMIT_S = 10.0
ORDER_LIMIT_S = 10.0
STILL_LIMIT_S = 4.0
STEP_NS = 20_000_000
"""How far bench and board may be apart."""


class BoardProcess:
    """A board whose ports are at `ports`: usb, uart0, uart1. Off until `start`; `close` gives everything back.

    prefix: where the links go. options: more words for `ringcast board`, such as "--flash", "FILE".
    """

    def __init__(self, prefix: Path, *options: str) -> None:
        self.ports = PtyBoard.links(prefix)
        self._argv = [sys.executable, "-m", "testbed.cli", "board", "--link", str(prefix), *options]
        self._page: Page | None = None
        self._offset_ns: int | None = None  # from the bench's time to the board's
        self._process: subprocess.Popen[str] | None = None
        self._said: deque[str] = deque(maxlen=20)
        self._news = threading.Condition()
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Returns when the ports are there. Raises MachineError with the process's own words when they never are."""
        if self._process is not None:
            return
        self._said.clear()
        with tempfile.NamedTemporaryFile(prefix="ringcast-board-") as file:
            file.write(bytes(Page.BYTES))
            file.flush()
            self._page, self._offset_ns = Page(Path(file.name)), None
            self._launch(["--page", file.name])
            self._reader = threading.Thread(target=self._listen, name="board process", daemon=True)
            self._reader.start()
            try:
                self._wait_for("board ready", START_LIMIT_S)
            except BaseException:
                self.close()
                raise

    def _launch(self, more: list[str]) -> None:
        try:
            self._process = subprocess.Popen(
                [*self._argv, *more],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # a Ctrl-C at the bench is the bench's
            )
        except OSError as error:
            raise MachineError(f"the board process does not start: {error}") from error

    @property
    def simulated_ns(self) -> int:
        """The board's own time since it was started."""
        return 0 if self._page is None else self._page.simulated_ns

    def keep_step(self, bench_ns: int) -> None:
        """See `testbed.machines.base.KeepsStep`. The first call says which instant of the bench is the board's now."""
        assert self._page is not None
        if self._offset_ns is None:
            self._offset_ns = self._page.simulated_ns - bench_ns
        at_ns = self._offset_ns + bench_ns
        self._page.limit_ns = at_ns + STEP_NS
        deadline_s = time.monotonic() + STILL_LIMIT_S
        while self._page.simulated_ns < at_ns - STEP_NS:
            fault = self.fault()
            if fault:
                raise MachineError(fault)
            if time.monotonic() >= deadline_s:
                raise MachineError(f"the board process (pid {self.pid}) stands still for {STILL_LIMIT_S:g} s")
            time.sleep(0.0005)

    def run_free(self) -> None:
        """Keep step with nobody any more."""
        self._offset_ns = None
        if self._page is not None:
            self._page.limit_ns = 0

    def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._said.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _wait_for(self, text: str, limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        with self._news:
            while not any(line.startswith(text) for line in self._said):
                fault = self.fault()
                if fault:
                    raise MachineError(fault)
                if time.monotonic() >= deadline_s:
                    raise MachineError(f"the board process did not say {text!r} in {limit_s:g} s; {self._last_words()}")
                self._news.wait(0.05)

    def _last_words(self) -> str:
        return f"it said: {'; '.join(list(self._said)[-3:]) or 'nothing'}"

    def fault(self) -> str | None:
        """Why the board is gone, in words; None while it runs."""
        process = self._process
        if process is None:
            return "the board process is not running"
        status = process.poll()
        if status is None:
            return None
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(1.0)  # its last words
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"the board process (pid {process.pid}) {how}; {self._last_words()}"

    def order(self, command: str, answer: str) -> None:
        """Type a command at it (see `ringcast board --help`), wait for what it says then. Raises MachineError."""
        fault = self.fault()
        if fault:
            raise MachineError(fault)
        assert self._process is not None and self._process.stdin is not None
        with self._news:
            self._said.clear()
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise MachineError(self.fault() or f"the board process takes no orders: {error}") from error
        self._wait_for(answer, ORDER_LIMIT_S)

    def power_off(self) -> None:
        self.order("power off", "power off")

    def power_on(self) -> None:
        self.order("power on", "power on")

    def power_cycle(self) -> None:
        self.order("power cycle", "power cycled")

    def unplug(self) -> None:
        """Pull the USB cable; the board runs on."""
        self.order("usb off", "usb off")

    def plug(self) -> None:
        self.order("usb on", "usb on")

    def state(self) -> str:
        """What the board says of itself, or why it does not."""
        try:
            self.order("state", "state: ")
        except MachineError as error:
            return str(error)
        return self._said[-1]

    def kill(self) -> None:
        """End it as a crash would: nothing is tidied up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End it and remove what it left. May be called twice."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if self._reader is not None:
                self._reader.join(1.0)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        for link in self.ports.values():
            if link.is_symlink() and not link.exists():
                link.unlink()
