"""A board's port on another machine: pyserial's two network ports, made to behave as a device does.

What is amiss in pyserial's (3.5): a connection that has ended looks like silence, or ends a thread with a traceback;
`in_waiting` of a socket is 0 or 1, so that a fast line is read octet by octet, and what was written counts as not
written when nothing more is taken; RFC 2217 puts every octet into a queue and takes no `write_timeout`.
"""

import contextlib
import fcntl
import re
import select
import socket
import struct
import termios
import threading
import time
from typing import Any

from serial import SerialException, SerialTimeoutException, rfc2217  # type: ignore[import-untyped]
from serial.urlhandler import protocol_socket  # type: ignore[import-untyped]

_READ_BYTES = 4096
_PART_BYTES = 4096  # of a telnet command; RFC 2217's have a dozen octets
_SILENT_S, _PROBE_S, _PROBES = 5, 2, 3
"""A machine at the other end that is gone without a word is noticed after about ten seconds."""
ENDED = "the other end closed the connection"
_COMMAND = re.compile(
    rb"\xff(?:(\xff)|([\xfb-\xfe])(.)|\xfa((?:[^\xff]|\xff\xff)*)\xff\xf0|[^\xff\xfa-\xfe])", re.DOTALL
)
"""A whole telnet command (RFC 854): IAC IAC, IAC WILL...DONT x, IAC SB ... IAC SE, or one of no argument."""


class SocketPort(protocol_socket.Serial):  # type: ignore[misc]
    """`socket://HOST:PORT`: a TCP connection that carries the port's octets as they are. Control lines and rate are
    whatever the other end has set."""

    def open(self) -> None:
        super().open()
        _prepare(self._socket)

    @property
    def in_waiting(self) -> int:
        """How many octets are there; 1 also where the connection has ended, which reading then says."""
        found = struct.pack("i", 0)
        count = int(struct.unpack("i", fcntl.ioctl(self.fileno(), termios.FIONREAD, found))[0]) if self.is_open else 0
        return count or int(super().in_waiting)

    def write(self, data: bytes) -> int:
        """Raises SerialTimeoutException where the other end does not take all of it within the write time-out.
        pyserial's own also does where it took everything and will take no more."""
        left = memoryview(data)
        end_s = None if self._write_timeout is None else time.monotonic() + self._write_timeout
        try:
            while left:
                if not writable(self, None if end_s is None else max(0.0, end_s - time.monotonic())):
                    raise SerialTimeoutException("nothing is taken")
                left = left[self._socket.send(left) :]
        except SerialException:
            raise
        except (OSError, AttributeError) as error:
            raise SerialException(f"writing failed: {getattr(error, 'strerror', None) or error}") from error
        return len(data)

    def close(self) -> None:
        connection = getattr(self, "_socket", None)
        super().close()
        _give_up(connection)


class Rfc2217Port(rfc2217.Serial):  # type: ignore[misc]
    """`rfc2217://HOST:PORT`: telnet with the COM port option (RFC 2217), so that rate and control lines cross it, too.

    Time-outs of writing are those of the network, 5 s. Raises SerialException from `open` where the server does not
    speak it, ValueError where it refuses a setting.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._news = threading.Condition()
        self._heard = bytearray()
        self._part = b""  # of a command that has not come whole yet
        self._over: str | None = None
        super().__init__(*args, **options)

    def open(self) -> None:
        self._heard.clear()
        self._part, self._over = b"", None
        super().open()
        _prepare(self._socket)

    def close(self) -> None:
        connection = self._socket
        super().close()
        _give_up(connection)

    @property
    def in_waiting(self) -> int:
        """Raises SerialException where nothing is left and nothing will come."""
        with self._news:
            if not self._heard:
                self._check()
            return len(self._heard)

    def read(self, size: int = 1) -> bytes:
        """Up to `size` octets; waits for the first one up to the port's time-out, and for the rest of them as long."""
        end_s = None if self._timeout is None else time.monotonic() + self._timeout
        with self._news:
            while len(self._heard) < size:
                left_s = None if end_s is None else end_s - time.monotonic()
                if self._over is not None or (left_s is not None and left_s <= 0):
                    break
                self._news.wait(left_s)
            if size and not self._heard:
                self._check()
            data = bytes(self._heard[:size])
            del self._heard[:size]
        return data

    def write(self, data: bytes) -> int:
        """Raises SerialTimeoutException where the other end takes nothing for 5 s."""
        if self._over is not None:
            raise SerialException(self._over)
        try:
            return int(super().write(data))
        except SerialException as error:
            if isinstance(error.__context__, TimeoutError):
                raise SerialTimeoutException("nothing is taken") from None
            raise

    def reset_input_buffer(self) -> None:
        super().reset_input_buffer()
        with self._news:
            self._heard.clear()

    def fileno(self) -> int:
        """The connection's, for select."""
        if self._socket is None:
            raise SerialException("the port is closed")
        return int(self._socket.fileno())

    def _check(self) -> None:
        if not self.is_open:
            raise SerialException("the port is closed")
        if self._over is not None:
            raise SerialException(self._over)

    def _telnet_read_loop(self) -> None:
        """pyserial's thread. Whatever ends it is told to who reads or writes next."""
        reason = ENDED
        try:
            while self.is_open:
                try:
                    data = self._socket.recv(_READ_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    break
                self._take(data)
        except Exception as error:  # pyserial raises anything for an answer that is none
            reason = str(error) or ENDED
        finally:
            with self._news:
                self._over = reason
                self._news.notify_all()

    def _take(self, data: bytes) -> None:
        """Telnet's commands are obeyed, the rest is what the board says."""
        data = self._part + data
        self._part, at, plain = b"", 0, bytearray()
        while (command_at := data.find(rfc2217.IAC, at)) >= 0:
            plain += data[at:command_at]
            found = _COMMAND.match(data, command_at)
            at = command_at
            if found is None:
                self._part = data[at:]
                break
            at = found.end()
            doubled, word, option, suboption = found.groups()
            if doubled:
                plain += doubled
            elif word:
                self._telnet_negotiate_option(word, option)
            elif suboption is not None:
                self._telnet_process_subnegotiation(suboption.replace(rfc2217.IAC_DOUBLED, rfc2217.IAC))
        else:
            plain += data[at:]
        if len(self._part) > _PART_BYTES:
            raise SerialException("the other end does not speak telnet")
        if plain:
            with self._news:
                self._heard += plain
                self._news.notify_all()


def writable(port: Any, wait_s: float | None) -> bool:
    """Whether the port, one that has a `fileno`, takes octets now or within `wait_s`; None waits for ever."""
    return bool(select.select([], [port.fileno()], [], wait_s)[1])


def _prepare(connection: socket.socket) -> None:
    """A question is sent at once, not when it fills a packet, and an end that is gone is noticed."""
    for level, option, value in (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", _SILENT_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", _PROBE_S),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                connection.setsockopt(level, getattr(socket, option), value)


def _give_up(connection: socket.socket | None) -> None:
    """pyserial leaves a connection open of which the other end is gone."""
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.close()
