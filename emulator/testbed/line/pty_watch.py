"""Tells when programs open and close a pseudo-terminal: what DTR is on a real serial port.

Several may have it open at once; DTR falls with the last close alone. POLLHUP on the master says whether any has it
open, but not whether it was closed by all and opened again since (one `chat` after another). Counting opens and closes
by inotify(7) does not say it either: it merges events of the same kind. The kernel itself knows: at the last close it
wakes everyone who waits for anything on the master, at other times only those who wait for what has come. So an
edge-triggered epoll(7) for a kind of event that never comes by itself is woken by the last close alone.
"""

import ctypes
import os
import select

from settop.errors import LocalError

_IN_OPEN = 0x20


class PtyWatch:
    """Watches the slave `name` of the pseudo-terminal `master`. `fd` is readable when something has changed.

    One case is missed: all programs close it while its buffer for them is full, and one opens it before the next
    `look`.
    """

    def __init__(self, master: int, name: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)  # Python lacks inotify, which tells of an open
        self._opens: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._opens < 0 or libc.inotify_add_watch(self._opens, os.fsencode(name), _IN_OPEN) < 0:
            raise LocalError(f"cannot watch {name} ({os.strerror(ctypes.get_errno())}); too many inotify watches?")
        self._master = master
        self._epoll = select.epoll()
        self._epoll.register(self._opens, select.EPOLLIN)
        # POLLOUT wakes for room; POLLWRNORM is true of room as well, but nothing wakes for it.
        self._epoll.register(master, select.EPOLLWRNORM | select.EPOLLET)
        self._hang_up = select.poll()
        self._hang_up.register(master, 0)
        self._open = False
        self._last_closed()  # whoever made the pty has closed it

    def close(self) -> None:
        self._epoll.close()
        os.close(self._opens)

    @property
    def fd(self) -> int:
        return self._epoll.fileno()

    @property
    def open(self) -> bool:
        """Whether a program had it open at the last `look`."""
        return self._open

    def look(self) -> tuple[bool, bool]:
        """(was closed by the last program that had it open since the last look, is open now)."""
        closed = self._last_closed()  # first: a close between the two lines is then told by the next look
        self._open = not self._hang_up.poll(0)
        return closed, self._open

    def _last_closed(self) -> bool:
        closed = False
        for fd, _ in self._epoll.poll(0):
            if fd == self._master:
                closed = True
            else:
                os.read(self._opens, 65_536)
        return closed
