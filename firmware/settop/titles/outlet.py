"""What is made of a title while it is read, for who takes it piece by piece (recode.py, tenth_writer.py)."""

from settop.codec.kernels import copy
from settop.crypto.wipe import wipe
from settop.errors import RemoteError

ROOM_BYTES = 2048
"""More than a piece of FEED_BYTES and a portion (portions.py) that it completes come to."""
FEED_BYTES = 512


class Outlet:
    """Octets that wait to be taken."""

    def __init__(self):
        self._out = bytearray(ROOM_BYTES)
        self._start = self._end = 0

    def waiting(self):
        """How many there are."""
        return self._end - self._start

    def take(self, count):
        """At most so many of them, as bytes."""
        start = self._start
        self._start = min(self._end, start + count)
        return bytes(memoryview(self._out)[start : self._start])

    def put(self, octets, start, end):
        """octets[start:end] wait from now on. RemoteError: more than there is room for, which no title that is fed in
        pieces of FEED_BYTES, when nothing waits, can come to."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._end + end - start > ROOM_BYTES:
            raise RemoteError("a title that comes to more than was fed of it")
        copy(octets, start, self._out, end - start | self._end << 16)
        self._end += end - start

    def close(self):
        wipe(self._out)
        self._start = self._end = 0
