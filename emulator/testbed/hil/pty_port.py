"""A serial port that is a pseudo-terminal: the end at which a device sits, with a link by which others open it."""

import contextlib
import errno
import os
import termios
import tty
from pathlib import Path

from settop.errors import LocalError

from testbed.line.pty_watch import PtyWatch

_READ_BYTES = 4096


class PtyPort:
    """The device's end. `link` exists from the start to `close`; whoever opens it talks to the device.

    `fd` is for select and poll, of use only while `open`. Raises LocalError when the link cannot be made.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        if link.exists() and not link.is_symlink():
            raise LocalError(f"{link} exists and is no symlink; choose another --link or remove it")
        master, slave = os.openpty()
        try:
            try:
                tty.setraw(slave)
                self._name = os.ttyname(slave)
            finally:
                os.close(slave)
            os.set_blocking(master, False)
            self._watch = PtyWatch(master, self._name)
        except BaseException:
            os.close(master)
            raise
        self.fd = master
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(self._name)
        except OSError as error:
            self.close()
            raise LocalError(
                f"cannot make {link} ({error.strerror}); choose a --link in a folder that exists"
            ) from error

    @property
    def open(self) -> bool:
        """Whether a program had it open at the last `look`."""
        return self._watch.open

    def look(self) -> bool:
        """Notice opens and closes since the last look; True where the last program that had it open closed it.

        What waited for its next read is then thrown away: the next one shall not get it.
        """
        closed, _ = self._watch.look()
        if closed:
            with contextlib.suppress(termios.error):
                termios.tcflush(self.fd, termios.TCOFLUSH)
        return closed

    def read(self, limit: int = _READ_BYTES) -> bytes:
        """What a program wrote, up to `limit` bytes; none when there is nothing."""
        try:
            return os.read(self.fd, limit)
        except OSError:  # nothing there, or closed between look and read
            return b""

    def write(self, data: bytes | bytearray) -> int:
        """How much of `data` found room; never waits."""
        try:
            return os.write(self.fd, data)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EIO):
                return 0
            raise

    def close(self) -> None:
        """Pull the plug: the link goes, and a program that has the port open gets an error from it."""
        with contextlib.suppress(OSError):
            if self.link.is_symlink() and os.readlink(self.link) == self._name:
                self.link.unlink()
        self._watch.close()
        os.close(self.fd)
