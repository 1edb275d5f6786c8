"""A signed module from its octets, in pieces of any size: what comes next, without IO (format: settop.wire.update)."""

from settop.errors import RemoteError
from settop.wire.update import HEAD_BYTES, LABEL, REFUSED, SIGNATURE_BYTES, unpack_head

MORE = 0  # nothing yet: all octets were taken, and more of the head must come
HEAD = 1  # `head` is there; nothing of it is to be believed before `signed` is verified under `signature`
MODULE = 2  # octets of the module
_FRONT_BYTES = HEAD_BYTES + SIGNATURE_BYTES


class Intake:
    """`take` each piece, again and again until nothing of it is left. `left`: octets of the module still to come, None:
    before the head is there. `head`: a settop.wire.update.Head."""

    def __init__(self):
        self._front = bytearray(_FRONT_BYTES)
        self._filled = 0
        self.head = None
        self.left = None

    def take(self, octets, start, end):
        """(what it is, how many of octets[start:end] belong to that: at least one). RemoteError: REFUSED; also for
        octets behind the module."""
        if self.head is None:
            size = min(end - start, _FRONT_BYTES - self._filled)
            self._front[self._filled : self._filled + size] = octets[start : start + size]
            self._filled += size
            if self._filled < _FRONT_BYTES:
                return MORE, size
            self.head = unpack_head(self._front[:HEAD_BYTES])
            self.left = self.head.length
            return HEAD, size
        size = min(end - start, self.left)
        if not size:
            raise RemoteError(REFUSED)
        self.left -= size
        return MODULE, size

    def signed(self):
        """The parts that are signed, as one message."""
        return LABEL, memoryview(self._front)[:HEAD_BYTES]

    def signature(self):
        return memoryview(self._front)[HEAD_BYTES:]
