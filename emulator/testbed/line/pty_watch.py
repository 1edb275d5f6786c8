"""Tells when a program opens and closes a pseudo-terminal: what DTR is on a real serial port.

The master side alone cannot see a close that is followed by an open at once (one `chat` after another); inotify(7),
which Python lacks, keeps the order. It merges equal events, so they are no count: POLLHUP says what holds now.
"""

import ctypes
import os
import select
import struct

from settop.errors import LocalError

_IN_CLOSE = 0x08 | 0x10  # of a writable or of a read-only file
_IN_OPEN = 0x20
_CLOSE_MS = 5
_HEAD = struct.Struct("iIII")


class PtyWatch:
    """Watches the slave `name` of the pseudo-terminal `master`. `fd` is readable when something has changed."""

    def __init__(self, master: int, name: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(name), _IN_OPEN | _IN_CLOSE) < 0:
            raise LocalError(f"cannot watch {name} ({os.strerror(ctypes.get_errno())}); too many inotify watches?")
        self._poll = select.poll()
        self._poll.register(master, 0)
        self._open = False

    def close(self) -> None:
        os.close(self.fd)

    @property
    def open(self) -> bool:
        """Whether a program had it open at the last `look`."""
        return self._open

    def look(self) -> tuple[bool, bool]:
        """(was closed since the last look, is open now)."""
        masks = self._masks()
        # inotify tells of a close just before it happens
        wait_ms = _CLOSE_MS if masks and masks[-1] & _IN_CLOSE else 0
        is_open = not any(events & select.POLLHUP for _, events in self._poll.poll(wait_ms))
        masks += self._masks()  # an open between the two would hide the close before it
        closes = [at for at, mask in enumerate(masks) if mask & _IN_CLOSE]
        if is_open:
            closed = bool(closes) and any(mask & _IN_OPEN for mask in masks[closes[0] :])
        else:
            closed = self._open or bool(closes)
        self._open = is_open
        return closed, is_open

    def _masks(self) -> list[int]:
        try:
            data = os.read(self.fd, 65_536)
        except BlockingIOError:
            return []
        masks = []
        at = 0
        while at < len(data):
            _, mask, _, name_bytes = _HEAD.unpack_from(data, at)
            masks.append(mask)
            at += _HEAD.size + name_bytes
        return masks
