"""A board's serial port: opened by us alone, without resetting the board, and read with a deadline.

The transport is mpremote's `SerialTransport` (raw REPL, raw paste); what is ours is how the port is opened and closed,
that no read or write waits for ever, and that every failure has a name.
"""

import contextlib
import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial  # type: ignore[import-untyped]
from mpremote.transport import TransportError, TransportExecError  # type: ignore[import-untyped]
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

from testbed.cache import cache_dir
from testbed.deploy.errors import BoardRaised, NoPrompt, PortError, Unplugged
from testbed.hil.ports import BadUrl, broke, open_serial, why_not

BAUD = 115_200
ANSWER_S = 10.0
"""How long a board may be silent within an exchange: a Pico hashes 8 MB in that time."""
_READ_S = 5.0  # of one read of the port; mpremote's own reads inside raw paste have no other limit
_OPENING_S = 0.05
"""A Pico that computes forgets what it is sent in the first 17 ms, and its port is deaf then: a queue is full."""
_SHOWN_CHARS = 100


class BoardPort(SerialTransport):  # type: ignore[misc]
    """An open port. dtr, rts: the states of these lines while it is open (see board.toml).

    Raises PortError with one line that says why it cannot be had. Use `open_port`, which also takes our lock.
    """

    def __init__(self, name: str, dtr: bool = True, rts: bool = True, baud: int = BAUD) -> None:
        # Not SerialTransport's own __init__: it opens the port with both lines on and reads without a time-out.
        self.device_name = name
        self.in_raw_repl = False
        self.use_raw_paste = True
        self.mounted = False
        self.is_pty = False
        try:
            self.serial = open_serial(name, baud, timeout_s=_READ_S, write_timeout_s=_READ_S, dtr=dtr, rts=rts)
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortError(_why_not(name, error)) from None

    def close(self) -> None:
        """Close the port; the lines stay as they are. mpremote turns both off, which resets some boards."""
        with contextlib.suppress(OSError, serial.SerialException):
            self.serial.close()

    def write(self, data: bytes) -> None:
        """Raises Unplugged, also when the board takes nothing for seconds."""
        with self._named():
            self.serial.write(data)

    def read_some(self, wait_s: float) -> bytes:
        """What is there; waits up to `wait_s` for the first byte. b"" when none came. Raises Unplugged."""
        end_s = time.monotonic() + wait_s
        with self._named():
            while True:
                waiting = self.serial.in_waiting
                if waiting:
                    return bytes(self.serial.read(waiting))
                if time.monotonic() >= end_s:
                    return b""
                time.sleep(0.002)

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = ANSWER_S,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """mpremote's: everything up to and with `ending`, or what came before the board was silent for `timeout` s.

        Never takes a byte behind `ending`.
        """
        data = bytearray()
        begin_s = last_s = time.monotonic()
        while not data.endswith(ending):
            byte = self.serial.read(1) if self.serial.in_waiting or timeout is None or timeout >= _READ_S else b""
            now_s = time.monotonic()
            if byte and data_consumer is not None:
                data_consumer(byte)
                data = bytearray(byte)
            else:
                data += byte
            if timeout_overall is not None and now_s >= begin_s + timeout_overall:
                break  # also of a board that talks on and on
            if byte:
                last_s = now_s
                continue
            if timeout is not None and now_s >= last_s + timeout:
                break
            time.sleep(0.002)
        return bytes(data)

    def ask(self, code: str, answer_s: float = ANSWER_S) -> str:
        """Run code in the raw REPL; what it printed, with plain line ends.

        Raises BoardRaised, Unplugged, and NoPrompt when the board falls silent or out of step.
        """
        with self._named():
            out, err = self.exec_raw(code, timeout=answer_s)
        if err:
            raise _raised(err)
        return bytes(out).replace(b"\r\n", b"\n").decode("utf-8", "replace")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Gives the failures of pyserial and mpremote their names."""
        try:
            yield
        except serial.SerialTimeoutException:
            raise Unplugged(f"{self.device_name} takes no more data; press the board's reset and try again") from None
        except (serial.SerialException, OSError) as error:
            raise Unplugged(broke(self.device_name, shown(str(error).encode()))) from None
        except TransportExecError as error:
            raise _raised(error.error_output.encode()) from None
        except (TransportError, struct.error) as error:
            raise NoPrompt(
                f"the board fell silent or out of step ({shown(str(error).encode())}); say the same again, "
                "and press its reset if that does not help"
            ) from None


@contextlib.contextmanager
def open_port(name: str, dtr: bool = True, rts: bool = True, baud: int = BAUD) -> Iterator[BoardPort]:
    """The port, ours alone until the end. Raises PortError."""
    with _port_lock(name):
        port = BoardPort(name, dtr, rts, baud)
        time.sleep(_OPENING_S)
        try:
            yield port
        finally:
            port.close()


@contextlib.contextmanager
def _port_lock(name: str) -> Iterator[None]:
    """Ours beside the operating system's: sockets have none, and root passes TIOCEXCL."""
    real = os.path.realpath(name) if os.path.exists(name) else name
    path = cache_dir() / "locks" / f"port-{hashlib.sha256(real.encode()).hexdigest()[:16]}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PortError(f"{name} is in use by another ringcast; let it finish or end it") from None
        yield


def port_names() -> list[str]:
    """The serial ports of this machine that have a USB device behind them."""
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    return sorted(port.device for port in comports() if port.vid is not None)


def _why_not(name: str, error: Exception) -> str:
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, BadUrl):
        return text
    if "://" in name:
        return f"cannot open {name}: " + (
            why_not(name, error) or f"{shown(text.encode())}; expected a device or a URL that pyserial knows"
        )
    if "exclusively lock" in text or number in (11, 16):
        return f"{name} is in use by another program (a terminal, mpremote, an editor); close it and try again"
    if not os.path.exists(name):
        found = port_names()
        there = f"there are {', '.join(found)}" if found else "no USB serial port is there: is the cable in?"
        return f"there is no port {name}; {there}"
    if number == 13:
        return f"no permission to open {name}; on Debian: adduser USER dialout, then log in again"
    return f"{name} is no serial port ({shown(text.encode())})"


def _raised(traceback: bytes) -> BoardRaised:
    lines = traceback.decode("utf-8", "replace").strip().splitlines() or ["nothing said"]
    line = shown(lines[-1].encode())
    number = None
    if line.startswith("OSError:"):
        digits = "".join(c if c.isdigit() else " " for c in line).split()
        number = int(digits[0]) if digits else None
    return BoardRaised(line, number)


def shown(data: Any, limit: int = _SHOWN_CHARS) -> str:
    """Bytes for a message: printable, one line, not long."""
    text = "".join(c if c.isprintable() else "." for c in bytes(data).decode("ascii", "replace").replace("\ufffd", "."))
    return text if len(text) <= limit else text[:limit] + "..."
