"""A modem on a pseudo-terminal in real time, an exchange behind it, and a socket by which to ring it.

One thread, one `poll`: it sleeps until the terminal, the socket or the next timer of modem and exchange.
The last close of the pseudo-terminal counts as DTR dropped; see `pty_watch.py`.
"""

import contextlib
import os
import select
import socket
import stat
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from settop.errors import LocalError, RemoteError

from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import BUFFER_BYTES, Modem
from testbed.line.pty_watch import PtyWatch
from testbed.line.robots import AnsweringLine, BusyLine, CallingLine, DroppingLine, EchoLine, SilentLine

OWN_NUMBER = "5550199"
RINGING_NUMBER = "5550198"  # who calls when the modem is made to ring
_PENDING_BYTES = 65_536  # for a reader that does not read; more is lost


def control_path(link: Path) -> Path:
    """The socket that belongs to a modem's link."""
    return link.with_name(link.name + ".ctl")


def rehearsal_exchange(settings: ExchangeSettings, echo: bool, on_event: Callable[[str, int], None]) -> Exchange:
    """The lines that `ringcast modem --help` lists; with `echo` 5550100 returns what it gets."""
    exchange = Exchange(settings, on_event=on_event)
    exchange.connect_port((EchoLine if echo else AnsweringLine)("5550100", exchange))
    exchange.connect_port(BusyLine("5550101", exchange))
    exchange.connect_port(SilentLine("5550102", exchange))
    exchange.connect_port(DroppingLine("5550103", exchange))
    exchange.dead_number("5550104")
    return exchange


class PtyModem:
    """A context manager: link and socket exist inside it. Raises LocalError when they cannot be made.

    `log(text, now_ms)` gets one line for each step of a call; time counts from the start.
    """

    def __init__(self, link: Path, settings: ExchangeSettings, *, echo: bool, log: Callable[[str, int], None]) -> None:
        self._link = link
        self._start_ns = time.monotonic_ns()
        exchange = rehearsal_exchange(settings, echo, log)
        self._exchange = exchange
        self._port = exchange.subscriber(OWN_NUMBER)
        self._modem = Modem(self._port)
        self._caller = CallingLine(RINGING_NUMBER, exchange, echo=echo)
        self._pending = bytearray()
        self._wake, self._waker = socket.socketpair()
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> "PtyModem":
        with contextlib.ExitStack() as undo:
            undo.callback(self._wake.close)
            undo.callback(self._waker.close)
            self._control = _listen(control_path(self._link), undo)
            self._master, self._watch = _open_pty(self._link, undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def stop(self) -> None:
        """Ends `run`; may be called from a signal handler."""
        self._waker.send(b"\0")

    def run(self) -> None:
        """Serves until `stop`."""
        while True:
            now_ms = self._now_ms()
            self._settle(now_ms)
            ready = self._wait(now_ms)
            if self._wake.fileno() in ready:
                return
            now_ms = self._now_ms()
            if self._control.fileno() in ready:
                self._serve_control(now_ms)
            self._serve_terminal(now_ms)

    def _now_ms(self) -> int:
        return (time.monotonic_ns() - self._start_ns) // 1_000_000

    def _next_timer(self) -> int | None:
        due = (self._exchange.next_timer(), self._modem.next_timer())
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _settle(self, now_ms: int) -> None:
        """Runs modem and exchange until neither has anything left to do now."""
        while True:
            self._exchange.advance(now_ms)
            self._modem.poll(now_ms)
            due_ms = self._next_timer()
            if due_ms is None or due_ms > now_ms:
                break
        self._pending += self._modem.take()
        if not self._watch.open:
            self._pending.clear()  # nobody listens, as with a cable pulled out
        del self._pending[_PENDING_BYTES:]

    def _wait(self, now_ms: int) -> dict[int, int]:
        """Sleeps; what became ready, by file descriptor."""
        due_ms = self._next_timer()
        poller = select.poll()
        for fd in (self._wake.fileno(), self._control.fileno(), self._watch.fd):
            poller.register(fd, select.POLLIN)
        if self._watch.open:  # a closed one would report POLLHUP again and again
            wanted = select.POLLIN if self._modem.clear_to_send(now_ms) else 0
            poller.register(self._master, wanted | (select.POLLOUT if self._pending else 0))
        return dict(poller.poll(None if due_ms is None else max(0, due_ms - now_ms)))

    def _serve_terminal(self, now_ms: int) -> None:
        was_closed, is_open = self._watch.look()
        if was_closed:
            if not is_open:
                while data := self._read(BUFFER_BYTES):  # its last words
                    self._modem.receive(data, now_ms)
            self._modem.dtr_drop(now_ms)
            self._modem.take()
            self._pending.clear()
            termios.tcflush(self._master, termios.TCOFLUSH)  # the next one shall not read what was meant for this
        if not is_open:
            return
        if room := self._modem.clear_to_send(now_ms):
            self._modem.receive(self._read(room), now_ms)
        if self._pending:
            with contextlib.suppress(BlockingIOError):
                del self._pending[: os.write(self._master, self._pending)]

    def _read(self, room: int) -> bytes:
        try:
            return os.read(self._master, room)
        except OSError:  # nothing there, or closed between poll and read
            return b""

    def _serve_control(self, now_ms: int) -> None:
        """One request: `ring SECONDS`. The answer begins with ok or error."""
        connection, _ = self._control.accept()
        with connection:
            connection.settimeout(0.5)
            try:
                answer = self._control_answer(connection.recv(64), now_ms)
                connection.sendall(answer.encode("ascii") + b"\n")
            except OSError:
                return

    def _control_answer(self, request: bytes, now_ms: int) -> str:
        words = request.decode("ascii", "replace").split()
        if len(words) != 2 or words[0] != "ring" or not words[1].isdecimal() or len(words[1]) > 6:
            return "error request not understood; expected: ring SECONDS"
        if self._port.engaged or not self._caller.call(OWN_NUMBER, now_ms, int(words[1]) * 1000):
            return "error the line is engaged; hang up first (ATH)"
        return f"ok {RINGING_NUMBER} calls {OWN_NUMBER}; answer with ATA, or let S0 do it"


def ring(link: Path, ring_seconds: int) -> str:
    """Makes the modem at `link` ring; returns its words. LocalError: none runs; RemoteError: it will not."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            with _short(control_path(link)) as name:
                connection.connect(name)
            connection.sendall(f"ring {ring_seconds}".encode("ascii"))
            answer = connection.recv(200).decode("ascii", "replace").strip()
    except OSError as error:
        raise LocalError(
            f"no modem answers at {link} ({error.strerror or error}); start one: ringcast modem --link {link}"
        ) from error
    status, _, text = answer.partition(" ")
    if status != "ok":
        raise RemoteError(text or "the modem ended before it answered")
    return text


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of `path` that fits the 107 bytes of a socket address."""
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _listen(path: Path, undo: contextlib.ExitStack) -> socket.socket:
    """The control socket. One left by a dead modem is taken over."""
    control = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    if path.exists() or path.is_symlink():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise LocalError(f"{path} exists and is no socket; choose another --link or remove it")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _short(path) as name:
            if probe.connect_ex(name) == 0:
                raise LocalError(f"a modem runs already at {path.with_suffix('')}; stop it or choose another --link")
        path.unlink()
    try:
        with _short(path) as name:
            control.bind(name)
    except OSError as error:
        raise LocalError(f"cannot make {path} ({error.strerror}); choose a --link in a folder that exists") from error
    undo.callback(path.unlink, missing_ok=True)
    control.listen()
    return control


def _open_pty(link: Path, undo: contextlib.ExitStack) -> tuple[int, PtyWatch]:
    """The master side of a raw pseudo-terminal whose other side is symlinked at `link`."""
    if link.exists() and not link.is_symlink():
        raise LocalError(f"{link} exists and is no symlink; choose another --link or remove it")
    master, slave = os.openpty()
    undo.callback(os.close, master)
    tty.setraw(slave)
    os.set_blocking(master, False)
    name = os.ttyname(slave)
    os.close(slave)
    watch = PtyWatch(master, name)
    undo.callback(watch.close)
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    undo.callback(_unlink_own, link, name)
    return master, watch


def _unlink_own(link: Path, name: str) -> None:
    if link.is_symlink() and os.readlink(link) == name:
        link.unlink()
