"""The ring between opener and sink: order, wrap, and what happens when it is full."""

import small_stream as air
from settop.ring import ByteRing


class Sink:
    def __init__(self, *takes):
        self.takes = list(takes)
        self.got = b""

    def write(self, view):
        taken = self.takes.pop(0) if self.takes else len(view)
        if taken:
            self.got += bytes(view[:taken])
        return min(taken, len(view)) if taken is not None else None


def test_what_goes_in_comes_out_in_order_whatever_the_sink_takes():
    rng = air.Rng(41)
    for size in (1, 2, 7, 64):
        ring = ByteRing(size)
        sink = Sink()
        given = b""
        for _ in range(120):
            data = rng.octets(rng.below(size + 2))
            room = ring.room()
            assert ring.put(data) == (len(data) <= room)
            if len(data) <= room:
                given += data
            sink.takes = [rng.below(size + 1), 0]
            ring.drain(sink)
            assert len(sink.got) + ring.level == len(given)
            assert given[: len(sink.got)] == sink.got
        sink.takes = []
        ring.drain(sink)
        assert sink.got == given and ring.level == 0 and ring.room() == size


def test_what_does_not_fit_as_a_whole_leaves_the_ring_as_it_was():
    ring = ByteRing(4)
    assert ring.put(b"abc")
    assert not ring.put(b"de")
    assert ring.put(b"d")
    sink = Sink()
    ring.drain(sink)
    assert sink.got == b"abcd"


def test_a_sink_that_takes_nothing_or_none_is_asked_once():
    ring = ByteRing(4)
    ring.put(b"ab")
    for answer in (0, None):
        sink = Sink(answer, 2)
        ring.drain(sink)
        assert sink.got == b"" and sink.takes == [2] and ring.level == 2
