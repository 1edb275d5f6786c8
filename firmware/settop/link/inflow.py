"""What comes in on one channel of the cable (settop.link.mux), and the credit for it."""

from array import array

from settop.errors import LocalError
from settop.link.mux_kernels import accept, copy

MAX_WINDOW_BYTES = 0x7FFF
POSITION, GRANTED, START, LEVEL, SIZE, LOST = range(6)  # of the state; the kernels know them by number

_MODULUS_MASK = 0xFFFF
_FROM_PAYLOAD = 7 << 16  # where a frame's payload begins, as the copy kernel wants it


class Inflow:
    """One channel into this end: a ring of `size` octets, and the credit that says how far the other end may go.

    `state`: LEVEL octets are here, up to POSITION; up to GRANTED may come; frames that never came had LOST. `taken`:
    there may be more room than was granted. Raises LocalError for a size out of range.
    """

    def __init__(self, size):
        if not 1 <= size <= MAX_WINDOW_BYTES:
            raise LocalError("window of %d octets, expected 1 to %d" % (size, MAX_WINDOW_BYTES))
        self.taken = False
        self.state = array("i", [0, 0, 0, 0, size, 0])
        self._ring = bytearray(size)
        self._view = memoryview(self._ring)

    def restart(self):
        """A new session: what is here is of the old one."""
        state = self.state
        state[POSITION] = state[GRANTED] = state[START] = state[LEVEL] = 0

    @property
    def level(self):
        """Octets that can be read."""
        return self.state[LEVEL]

    @property
    def lost(self):
        return self.state[LOST]

    def grant(self):
        """The position up to which there is room: the other end is about to be told."""
        state = self.state
        self.taken = False
        state[GRANTED] = limit = state[POSITION] + state[SIZE] - state[LEVEL] & _MODULUS_MASK
        return limit

    def due(self):
        """Whether there is so much more room than was granted that the other end should hear of it: until `grant`."""
        if not self.taken:
            return False
        state = self.state
        self.taken = (
            4 * (state[SIZE] - state[LEVEL] - (state[GRANTED] - state[POSITION] & _MODULUS_MASK)) >= state[SIZE]
        )
        return self.taken

    def accept(self, frame, count):
        """Take in the `count` octets of payload of a good frame. False, and nothing done, if they have no credit."""
        state = self.state
        at = accept(frame, count, state)
        if at < 0:
            return False
        if not count:
            self.taken = True  # it says where the other end is: what never came is room
            return True
        first = state[SIZE] - at
        if count <= first:
            copy(self._ring, frame, count, _FROM_PAYLOAD | at)
        else:
            copy(self._ring, frame, first, _FROM_PAYLOAD | at)
            copy(self._ring, frame, count - first, _FROM_PAYLOAD + (first << 16))
        return True

    def readinto(self, view):
        """Move up to len(view) octets to `view`; returns their number."""
        state = self.state
        count = min(len(view), state[LEVEL])
        start = state[START]
        first = min(count, state[SIZE] - start)
        view[:first] = self._view[start : start + first]
        if first < count:
            view[first:count] = self._view[: count - first]
        state[START] = (start + count) % state[SIZE]
        state[LEVEL] -= count
        self.taken = True
        return count
