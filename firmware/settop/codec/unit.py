"""The face of a codec unit, and the plainest one: MP3, which the decoder chip takes as it is."""

from settop.errors import LocalError


class Unit:
    """One title's way to the chip. Before each sample (access unit) `begin`, then its octets by `write`, in pieces of
    any size. What a unit puts in front or makes of them waits in it while the chip is full; `flush` moves that on.
    """

    def __init__(self, sink):
        self._sink = sink
        self._out = b""  # what waits for the sink: _out[_start:_end]
        self._start = self._end = 0
        self._due = 0  # octets of this sample that are still to come
        self.damaged = 0  # blocks that could not be decoded and are silent

    def begin(self, size):
        """A sample of `size` octets comes.

        LocalError: the last one is not complete. RemoteError: none can be so long.
        """
        if self._due:
            raise LocalError("%d octets of the last sample are missing" % self._due)
        self._due = size

    def write(self, octets, start=0, end=None):
        """Takes octets[start:end] as far as there is room and gives how many that are. LocalError: more than the sample
        has."""
        if end is None:
            end = len(octets)
        if end - start > self._due:
            raise LocalError("%d octets of a sample that has %d more" % (end - start, self._due))
        if not self.flush():
            return 0
        taken = self._take(octets, start, end)
        self._due -= taken
        return taken

    def flush(self):
        """Gives the sink what waits; whether nothing does any more."""
        while self._start < self._end:
            taken = self._sink.write(self._out, self._start, self._end)
            if not taken:
                return False
            self._start += taken
        return True

    def drop(self):
        """The title is over here and now: what waits, and what is missing of the sample, is given up."""
        self._start = self._end = self._due = 0

    def _put(self, out, count):
        """From now on the first `count` octets of `out` wait, and nothing else."""
        self._out = out
        self._start = 0
        self._end = count

    def _take(self, octets, start, end):
        return self._sink.write(octets, start, end)


def make(sink, rate, channels, extra):
    """MP3: `extra` says nothing; the frames have it all in their headers."""
    return Unit(sink)
