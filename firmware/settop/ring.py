"""A ring of octets between the opener and a sink that takes less than it is offered."""


class ByteRing:
    """Holds up to `size` octets; no allocation after construction but the short-lived views of a copy."""

    def __init__(self, size):
        self._view = memoryview(bytearray(size))
        self._start = 0
        self.level = 0

    def room(self):
        return len(self._view) - self.level

    def put(self, view):
        """Take all of `view` and return True, or, where it does not fit as a whole, nothing and return False."""
        count = len(view)
        size = len(self._view)
        if count > size - self.level:
            return False
        end = (self._start + self.level) % size
        first = min(count, size - end)
        self._view[end : end + first] = view[:first]
        self._view[: count - first] = view[first:]
        self.level += count
        return True

    def drain(self, sink):
        """Offer the sink what is here, until it takes no more."""
        size = len(self._view)
        while self.level:
            taken = sink.write(self._view[self._start : min(size, self._start + self.level)]) or 0
            if not taken:
                return
            self._start = (self._start + taken) % size
            self.level -= taken
