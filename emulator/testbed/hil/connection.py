"""The bytes of one line of a board: opened by any URL that pyserial knows, read in the background, kept in a log.

What a board is doing is no business of this file; that is `testbed.hil.adapter`.
"""

import contextlib
import errno
import os
import re
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]

from testbed.hil.line_log import LineLog
from testbed.hil.network_port import writable
from testbed.hil.ports import in_vain, is_remote, open_serial, why_not
from testbed.machines.base import MachineError

_POLL_S = 0.05
_READ_BYTES = 4096
_WRITE_BYTES = 1024
_OPEN_RETRY_S = 0.05
_SHOWN_BYTES = 200
_FAULT_S = 0.3
_IN_USE = (errno.EAGAIN, errno.EBUSY)
_FIRM = (*_IN_USE, errno.EACCES)
_SERVER = "; see that the server runs there and has the board's port"


class ConnectionFailed(MachineError):
    """A line could not be opened, was lost, or did not say in time what was waited for. The text names the port."""


class Connection:
    """One line, closed until `open`. Reading and writing happen in threads of its own; no method waits for the line
    but those with a time-out.

    url: a device (`/dev/ttyACM0`), `socket://HOST:PORT`, `rfc2217://HOST:PORT`, ... dtr, rts: what these lines are at
        from the moment of opening, so that opening does not reset a board that listens to them; None leaves pyserial's
        own choice. log: file that gets every line or piece with its time.
    fault: asked while waiting; what it answers (why the board is gone) ends the wait at once.
    """

    def __init__(
        self,
        name: str,
        url: str,
        baud: int = 115_200,
        *,
        dtr: bool | None = None,
        rts: bool | None = None,
        log: Path | None = None,
        text: bool = True,
        fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.url = url
        self._baud = baud
        self._dtr, self._rts = dtr, rts
        self._log = LineLog(log, text)
        self._fault = fault
        self._port: Any = None
        self._news = threading.Condition()
        self._in = bytearray()
        self._out = bytearray()
        self._lost: str | None = None
        self._closing = False
        self._threads: list[threading.Thread] = []

    def open(self, limit_s: float = 5.0) -> None:
        """Open the port, trying for `limit_s`: it may still be coming up. Raises ConnectionFailed."""
        if self._port is not None:
            return
        deadline_s = time.monotonic() + limit_s
        while True:
            try:
                self._port = self._opened()
                break
            except (serial.SerialException, OSError, ValueError) as error:
                reason = why_not(self.url, error) or _reason(error)
                # What is in use or misspelt stays so; what is not there may come.
                wait = _may_come(error) and time.monotonic() < deadline_s and self._fault() is None
            if not wait:
                raise self.failed(f"cannot open: {self._fault() or reason}")
            time.sleep(_OPEN_RETRY_S)
        self._in.clear()
        self._out.clear()
        self._lost, self._closing = None, False
        self._log.note(f"opened {self.url} at {self._baud} baud")
        self._threads = [
            threading.Thread(target=work, name=f"{self.name} {work.__name__}", daemon=True, args=(self._port,))
            for work in (self._read_on, self._write_on)
        ]
        for thread in self._threads:
            thread.start()

    def _opened(self) -> Any:
        return open_serial(self.url, self._baud, timeout_s=_POLL_S, write_timeout_s=1.0, dtr=self._dtr, rts=self._rts)

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def failed(self, reason: str) -> ConnectionFailed:
        """The error with the line's name and port before the reason."""
        self._log.note(f"failed: {reason}")
        return ConnectionFailed(f"{self.name} ({self.url}): {reason}")

    # The threads.

    def _read_on(self, port: Any) -> None:
        while not self._closing:
            try:
                data = port.read(1)
                if data:
                    with contextlib.suppress(NotImplementedError):
                        data += port.read(min(_READ_BYTES, port.in_waiting))
            except (serial.SerialException, OSError, TypeError, ValueError) as error:
                self._lose(error)
                return
            if data:
                with self._news:
                    self._in += data
                    self._log.heard(data)
                    self._news.notify_all()

    def _write_on(self, port: Any) -> None:
        while True:
            with self._news:
                while not self._out and not self._closing and self._lost is None:
                    self._news.wait()
                if self._closing or self._lost is not None:
                    return
                piece = bytes(self._out[:_WRITE_BYTES])
            try:
                written = self._write_some(port, piece)
            except (serial.SerialException, OSError, TypeError, ValueError) as error:
                self._lose(error)
                return
            with self._news:
                del self._out[:written]
                if written:
                    self._log.said(piece[:written])
                self._news.notify_all()

    @staticmethod
    def _write_some(port: Any, piece: bytes) -> int:
        """How much of it went out. A device says so itself; pyserial would forget it when its time-out strikes."""
        try:
            descriptor = port.fileno()
        except (OSError, AttributeError):
            descriptor = None
        if descriptor is None:
            return int(port.write(piece) or 0)
        if not isinstance(port, serial.Serial):  # a connection, which is not held up by one piece
            return int(port.write(piece) or 0) if writable(port, _POLL_S) else 0
        _, ready, _ = select.select([], [descriptor], [], _POLL_S)
        try:
            return os.write(descriptor, piece) if ready else 0
        except BlockingIOError:
            return 0

    def _lose(self, error: Exception) -> None:
        with self._news:
            if not self._closing and self._lost is None:
                self._lost = f"lost: {_reason(error)}" + (_SERVER if is_remote(self.url) else "")
                self._log.note(self._lost)
            self._news.notify_all()

    # Bytes.

    def check(self) -> None:
        """Raises ConnectionFailed where the line is closed or lost, or its board gone."""
        if self._port is None:
            raise self.failed("not open")
        if self._lost is not None or self._fault() is not None:
            raise self.failed(self._why_lost())

    def _why_lost(self) -> str:
        """The board's own fault, if it has one: a port may be seen to go an instant before its board."""
        deadline_s = time.monotonic() + _FAULT_S
        while (fault := self._fault()) is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return fault or self._lost or "lost"

    def write(self, data: bytes) -> None:
        """Queue bytes; they go out as fast as the line takes them. Raises ConnectionFailed where it is lost."""
        self.check()
        with self._news:
            self._out += data
            self._news.notify_all()

    def flush(self, limit_s: float) -> None:
        """Wait until everything has gone out. Raises ConnectionFailed when the other end takes no more."""
        self._wait(lambda: not self._out, limit_s, lambda: f"{len(self._out)} bytes not taken in {limit_s:g} s")

    @property
    def unsent(self) -> int:
        """Bytes that wait for the line."""
        return len(self._out)

    def read(self) -> bytes:
        """All that came since the last time, at once."""
        with self._news:
            data = bytes(self._in)
            self._in.clear()
        return data

    def clear(self) -> None:
        """Forget what has come so far."""
        self.read()

    def wait_for_bytes(self, limit_s: float) -> None:
        """Return when something is there to read, or after `limit_s`."""
        with self._news:
            if not self._in and self._lost is None:
                self._news.wait(limit_s)

    def readline(self, limit_s: float) -> bytes:
        """The next line without its end. Raises ConnectionFailed when there is none in time."""
        self._wait(lambda: b"\n" in self._in, limit_s, lambda: f"no line in {limit_s:g} s; {self._heard()}")
        with self._news:
            line, _, rest = bytes(self._in).partition(b"\n")
            self._in[:] = rest
        return line.rstrip(b"\r")

    def readline_until(self, pattern: str, limit_s: float) -> list[str]:
        """Lines up to and with the first that `pattern` (a regular expression) is found in.

        Raises ConnectionFailed, with the last lines in it, when none comes in time.
        """
        wanted, lines = re.compile(pattern), list[str]()
        deadline_s = time.monotonic() + limit_s
        while True:
            try:
                line = self.readline(max(0.0, deadline_s - time.monotonic()))
            except ConnectionFailed as error:
                if self._lost is not None or self._fault() is not None:
                    raise
                last = "; ".join(lines[-5:]) or "nothing"
                raise self.failed(f"no line with {pattern!r} in {limit_s:g} s; the last ones: {last}") from error
            lines.append(line.decode("utf-8", "replace"))
            if wanted.search(lines[-1]):
                return lines

    def read_until(self, end: bytes, limit_s: float) -> bytes:
        """Everything up to and with `end`. Raises ConnectionFailed when it does not come in time."""
        self._wait(lambda: end in self._in, limit_s, lambda: f"no {end!r} in {limit_s:g} s; {self._heard()}")
        with self._news:
            head, _, rest = bytes(self._in).partition(end)
            self._in[:] = rest
        return head + end

    def _wait(self, holds: Callable[[], bool], limit_s: float, complaint: Callable[[], str]) -> None:
        deadline_s = time.monotonic() + limit_s
        with self._news:
            while not holds():
                self.check()
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise self.failed(complaint())
                self._news.wait(min(left_s, _POLL_S))

    def _heard(self) -> str:
        tail = bytes(self._in[-_SHOWN_BYTES:])
        return f"heard {tail!r}" if tail else "heard nothing"

    def close(self) -> None:
        """Close the port; what had not gone out is dropped. May be called twice."""
        port, self._port = self._port, None
        if port is None:
            return
        with self._news:
            self._closing = True
            self._news.notify_all()
        with contextlib.suppress(AttributeError, OSError, serial.SerialException, NotImplementedError):
            port.cancel_read()
        for thread in self._threads:
            thread.join(2.0)
        with contextlib.suppress(OSError, serial.SerialException):
            port.close()
        self._log.note("closed")


def _may_come(error: Exception) -> bool:
    return not in_vain(error) and getattr(error, "errno", None) not in _FIRM


def _reason(error: Exception) -> str:
    """pyserial's words without what the caller says anyway."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "there is no such port; is the board plugged in?"
    if number in _IN_USE:
        return "the port is in use by another program"
    if number == errno.EACCES:
        return "no permission; add yourself to the port's group, often `dialout`"
    if number == errno.EIO or "disconnected" in str(error) or "multiple access" in str(error):
        return "the board was unplugged, or another program reads the same port"
    return str(error) or type(error).__name__
