"""A board that has just been started: its `ready` line, and its console over either link mode."""

import re
import time

from settop.errors import RemoteError

from testbed.deploy.port import BoardPort, shown
from testbed.line.console import find_line

READY_S = 20.0
"""A Pico imports the package from its file system in about a second; a board that is slower has time."""
_PROMPT = b"\n>>> "
_KEPT_BYTES = 8192


class BoardConsole:
    """The console of a running terminal: `write` and `readline` as a pyserial port with a short time-out has them.

    link: "uarts", where the port is the console, or "cable", where it is one of the channels on it.
    """

    def __init__(self, port: BoardPort, link: str) -> None:
        self._port = port
        self._lines = bytearray()
        self._cable = None
        if link == "cable":
            from testbed.line.cable import CableHost

            self._cable = CableHost()

    def write(self, data: bytes) -> int:
        """Raises Unplugged."""
        if self._cable is None:
            self._port.write(data)
        else:
            self._cable.send("console", data)
            self._send_frames()
        return len(data)

    def readline(self, size: int = -1) -> bytes:
        """A line with its end, or what came in a fifth of a second. Raises Unplugged."""
        end_s = time.monotonic() + 0.2
        while b"\n" not in self._lines and time.monotonic() < end_s:
            self._lines += self.read(0.05)
        count = self._lines.find(b"\n") + 1 or len(self._lines)
        count = count if size < 0 else min(count, size)
        line = bytes(self._lines[:count])
        del self._lines[:count]
        return line

    def read(self, wait_s: float) -> bytes:
        """Console bytes; waits up to `wait_s` for something to come over the port."""
        return self.accept(self._port.read_some(wait_s))

    def accept(self, data: bytes) -> bytes:
        """The console's part of what was read from the port."""
        if self._cable is None:
            return data
        self._cable.receive(data)
        self._send_frames()
        return bytes(self._cable.take("console"))

    def unread(self, data: bytes | bytearray) -> None:
        """Console bytes that the next `readline` shall have."""
        self._lines[:0] = data

    def _send_frames(self) -> None:
        assert self._cable is not None
        frames = bytes(self._cable.data_to_send())
        if frames:
            self._port.write(frames)


def wait_ready(port: BoardPort, console: BoardConsole, limit_s: float) -> str:
    """The text of the board's `ready` line: "board=NAME version=V formats=N boot=N terminal=ID".

    Raises RemoteError with the board's own last words when it stops with an error, or says nothing in time.
    """
    heard = bytearray()
    plain = bytearray()  # in cable mode, an error comes outside of the frames
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        data = port.read_some(0.05)
        plain += data
        heard += console.accept(data)
        found = find_line(heard, "ready")
        if found is not None:
            text, end = found
            console.unread(heard[end:])
            return text
        after = bytes(plain[max(0, plain.rfind(b"soft reboot")) :])
        if _PROMPT in after and b"soft reboot" in after:
            words = [line for line in after.split(b"\n") if line.strip()]
            error = next((line for line in reversed(words) if re.match(rb"\w+(Error|Exit|Interrupt)\b", line)), None)
            if error is not None:
                raise RemoteError(
                    f"everything is on the board, and its main.py stops with {shown(error.strip())!r}; the board is at "
                    "its prompt. Flash again; if that does not help, it is a fault of the firmware"
                )
            raise RemoteError("everything is on the board, and its main.py ended without a `ready` line")
        del heard[:-_KEPT_BYTES], plain[:-_KEPT_BYTES]
    raise RemoteError(
        f"everything is on the board, but no `ready` line came in {limit_s:g} s: power it off and on and look at its "
        "console"
    )
