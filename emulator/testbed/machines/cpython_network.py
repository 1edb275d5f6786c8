"""The network's names of a terminal on CPython: PPP on a line of the machine, or on one that the firmware brings, and
sockets over it. It stands for boards/shared/board_ppp.py with lwIP under it, and tells of the link what that would.
"""

from collections.abc import Callable
from typing import Any, Protocol

from testbed.network.polling import Select
from testbed.network.ppp import phases
from testbed.network.ppp.peer import Settings
from testbed.network.ppp_link import PppTerminal
from testbed.network.sockets import LIKE_LWIP, Sockets

NS_PER_S = 1_000_000_000
STEP_BYTES = 1536
"""What one turn moves at most, as on a board: about a packet."""
LONGEST_NS = 40 * NS_PER_S
"""A peer that talks on and on without agreeing to anything is given up."""
ECHO_NS = 5 * NS_PER_S
"""How often the peer is asked for a sign of life: a serial line has no other way to tell."""


class FirmwareLine(Protocol):
    """A line as the firmware has it: a UART, or a modem with a call on it."""

    def any(self) -> int: ...
    def readinto(self, view: memoryview) -> int | None: ...
    def write(self, data: Any) -> int | None: ...


class Uplink:
    """One terminal's link. own: the line that its wires call "network", or None. seed settles its numbers.

    As on a board all of it moves in `step` alone, which the firmware calls. `modules` is what stands for `socket`,
    `select` and `tls` (None: MicroPython's stand-in of this house). `stirs` counts what the firmware did to sockets
    and lines with effect: while it stands still, so does the firmware.
    """

    def __init__(self, own: FirmwareLine | None, seed: int, now_ns: Callable[[], int]) -> None:
        self._own = own
        self._now_ns = now_ns
        self._line: FirmwareLine | None = None
        self._began_ns = 0
        self._was_up = self._failed = False
        self._unsent = b""
        self._moved = 0
        self._terminal = PppTerminal(Settings(asks_names=True, echo_ns=ECHO_NS), seed, LIKE_LWIP)
        self._sockets = Sockets(self._terminal.host, up=lambda: self._terminal.peer.up)
        self.modules: tuple[Sockets, Select, None] = (self._sockets, self._sockets.select, None)

    @property
    def stirs(self) -> int:
        return self._sockets.stirs + self._moved

    def up(self, line: FirmwareLine | None = None) -> None:
        """See boards/shared/board_network.py. Nothing where there is no line."""
        chosen = line if line is not None else self._own
        if chosen is None:
            return
        if self._line is not chosen:
            self.down()
        self._moved += 1
        self._failed = False
        if self._line is None or self._terminal.peer.phase == phases.DEAD:
            self._line = chosen
            self._began_ns = self._now_ns()
            self._terminal.start(self._began_ns)

    def down(self) -> None:
        """Tells the peer so once, and is over."""
        terminal = self._terminal
        if self._line is not None:
            terminal.peer.stop(self._now_ns())
            terminal.receive(b"", self._now_ns())
            farewell = self._unsent + terminal.take()
            if self._line is self._own:  # another one may be gone already
                self._own.write(farewell)
            terminal.peer.lose_carrier(self._now_ns())
            terminal.host.forget_groups()
        self._moved += 1
        self._line, self._failed, self._unsent = None, False, b""
        self._look()

    def state(self) -> str:
        """See boards/shared/board_network.py."""
        if self._line is None:
            return "failed" if self._failed else "none" if self._own is None else "down"
        peer = self._terminal.peer
        if not peer.up and peer.phase != phases.DEAD and self._now_ns() - self._began_ns > LONGEST_NS:
            self.down()
            self._failed = True
            return "failed"
        return "up" if peer.up else "failed" if peer.phase == phases.DEAD else "down"

    def names(self) -> tuple[str, ...]:
        """Addresses of the name servers that the provider told of; none where the link is down."""
        peer = self._terminal.peer
        return tuple(dict.fromkeys(name for name in peer.names if name != "0.0.0.0")) if peer.up else ()  # noqa: S104

    def step(self) -> int:
        """Octets between line and sockets; how many came in."""
        line, terminal, now_ns = self._line, self._terminal, self._now_ns()
        if line is None:
            return 0
        view = memoryview(bytearray(min(line.any(), STEP_BYTES)))
        came = bytes(view[: line.readinto(view) or 0]) if view else b""
        due_ns = terminal.due_ns()
        if came or (due_ns is not None and due_ns <= now_ns):
            self._moved += 1
            terminal.receive(came, now_ns)
        self._unsent += terminal.take()
        self._look()
        if self._unsent:
            self._write(line, self._unsent)
        return len(came)

    def due_ns(self) -> int | None:
        """When `step` has something to do by itself, or `state` something else to say; None for never."""
        if self._line is None:
            return None
        if self._unsent:
            return self._began_ns
        peer = self._terminal.peer
        given_up_ns = None if peer.up or peer.phase == phases.DEAD else self._began_ns + LONGEST_NS + 1
        return min((at for at in (self._terminal.due_ns(), given_up_ns) if at is not None), default=None)

    def _write(self, line: FirmwareLine, data: bytes) -> None:
        taken = line.write(data) or 0
        self._moved += taken > 0
        self._unsent = data[taken:]

    def _look(self) -> None:
        """Where the link has gone, lwIP gives up what went over it; who ends it has said so once, and is over."""
        if self._terminal.peer.phase == phases.ENDING:
            self._terminal.peer.lose_carrier(self._now_ns())
        if self._was_up and not self._terminal.peer.up:
            self._terminal.host.lose_link()
            self._moved += 1
        self._was_up = self._terminal.peer.up
