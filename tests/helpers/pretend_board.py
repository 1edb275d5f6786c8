"""What is at the other end of a pseudo-terminal in tests: a device that does as it is told, in a thread."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from settop.version import FORMATS
from testbed.hil.pty_port import PtyPort

BANNER = b"MicroPython v1.25.0 on 2025-04-15; pretend board\r\n>>> "
REBOOT = b"\r\nMPY: soft reboot\r\n"
READY = b"@ 12 ready board=pretend formats=%d boot=0 terminal=unprovisioned\r\n" % FORMATS


class PretendBoard:
    """`answer(data)` says what the device writes when it has heard `data`; `heard` is all that it heard."""

    def __init__(self, link: Path, answer: Callable[[bytes], bytes] = lambda data: b"") -> None:
        self.link = link
        self.answer = answer
        self.heard = b""
        self.deaf = False
        self._out = b""
        self._port = PtyPort(link)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        self._out += data

    def _run(self) -> None:
        while not self._over.wait(0.002):
            self._port.look()
            if not self._port.open:
                continue
            if not self.deaf and (data := self._port.read()):
                self.heard += data
                self._out += self.answer(data)
            if self._out:
                self._out = self._out[self._port.write(self._out) :]

    def unplug(self) -> None:
        """The port goes, as a USB port does."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            self._port.close()

    close = unplug


class Shell:
    """The answers of a board with MicroPython: a program that Ctrl-C ends, then the prompt, and a soft reset.

    stubborn: so many Ctrl-C it takes to end the program. raw: it is at its raw REPL instead. terminal: what main.py
    says after a reset; it then runs on.
    """

    def __init__(self, stubborn: int = 1, raw: bool = False, terminal: bytes = READY) -> None:
        self._left = stubborn
        self._raw = raw
        self._terminal = terminal
        self._running = not raw
        self.line = b""  # half typed
        self.resets = 0

    def __call__(self, data: bytes) -> bytes:
        said = b""
        for octet in data:
            said += self._on(octet)
        return said

    def _on(self, octet: int) -> bytes:
        if self._running:
            self._left -= octet == 3
            if self._left > 0:
                return b""
            self._running = False
            return b"Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n" + BANNER
        if octet == 3:
            self.line = b""
            return b">" if self._raw else b"\r\n>>> "
        if octet == 2:
            self._raw = False
            return BANNER
        if octet == 4 and not self._raw and not self.line:
            self.resets += 1
            self._running, self._left = True, 1
            return REBOOT + self._terminal
        self.line += bytes((octet,))
        return bytes((octet,))


@contextlib.contextmanager
def pretend_board(link: Path, answer: Callable[[bytes], bytes] = lambda data: b"") -> Iterator[PretendBoard]:
    board = PretendBoard(link, answer)
    try:
        yield board
    finally:
        board.close()


def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not so within {limit_s} s"
        time.sleep(0.005)
