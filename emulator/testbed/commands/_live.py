"""`ringcast scramble` in one pass: from a pipe or the network, into a file, a pipe or the network."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from headend.broadcast.pacing import Pacer
    from headend.broadcast.udp import UdpInput
    from headend.files import Pending
    from headend.ts.live import LiveScrambler, Released
    from headend.ts.packets import Packets
    from headend.ts.scrambler import ScrambleResult

UDP = "udp://"
_STEP_S = 0.02  # how long one look at the network may take while packets wait to be sent
_AHEAD_NS = 200_000_000  # so much programme waits to be sent before more is read from a file
_STATUS_S = 1.0
CUSHION_NS = 300_000_000
"""What comes from the network goes out again so much later: programs send in bursts."""


def is_network(name: str) -> bool:
    return name.startswith(UDP)


class Sink(Protocol):
    """Where released packets go."""

    def put(self, released: "Released") -> None: ...

    def finish(self) -> str:
        """All is there; what there is to say of it."""
        ...


class FileSink:
    """A file or a pipe: as fast as it goes."""

    def __init__(self, handle: int) -> None:
        from headend.files import write_all

        self._handle = handle
        self._write_all = write_all

    def put(self, released: "Released") -> None:
        self._write_all(self._handle, released.packets.tobytes())

    def finish(self) -> str:
        return ""


class UdpSink:
    """The network, at the pace of the programme's clock. `blocks`: the input waits for it (a file, a pipe)."""

    def __init__(self, pacer: "Pacer", blocks: bool) -> None:
        self.pacer = pacer
        self._blocks = blocks

    def put(self, released: "Released") -> None:
        self.pacer.put(*released)
        self.pacer.run(3600.0 if self._blocks else _STEP_S, _AHEAD_NS if self._blocks else 0)

    def finish(self) -> str:
        self.pacer.finish()
        return self.pacer.jitter.line()


@contextmanager
def opened_sink(out: "str | Pending", blocks: bool) -> Iterator[Sink]:
    """What `out` names: an address, a file, a pipe. `blocks` as for UdpSink."""
    from headend.broadcast.pacing import Pacer
    from headend.broadcast.udp import UdpAddress, UdpOutput
    from headend.ts.io.targets import replacing

    if not isinstance(out, str) or not is_network(out):
        with replacing(out) as handle:
            yield FileSink(handle)
        return
    with UdpOutput(UdpAddress.parse(out)) as output:
        yield UdpSink(Pacer(output.send, cushion_ns=0 if blocks else CUSHION_NS), blocks)


def from_network(source: "UdpInput", duration_s: float | None, sink: Sink) -> "Iterator[Packets]":
    """Packets as they come, until silence or `duration_s` after the first of them."""
    end_s = None
    while end_s is None or time.monotonic() < end_s:
        packets = source.read(_STEP_S if isinstance(sink, UdpSink) else 0.5)
        if packets is None:
            return
        if len(packets) and end_s is None:
            end_s = float("inf") if duration_s is None else time.monotonic() + duration_s
        yield packets


class Status:
    """A line on a terminal, once a second: how long it has gone on and how fast."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._began = self._told = time.monotonic()

    def tell(self, released: "Released") -> None:
        now = time.monotonic()
        if self._shown and now - self._told >= _STATUS_S and len(released.ticks):
            self._told = now
            programme_s = int(released.ticks[-1]) / 27e6
            sys.stderr.write(f"\r{programme_s:10.1f} s of programme, {now - self._began:.0f} s since the start ")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown and self._told > self._began:
            sys.stderr.write("\r" + " " * 60 + "\r")


def scramble_live(scrambler: "LiveScrambler", packets: "Iterator[Packets]", sink: Sink) -> tuple["ScrambleResult", str]:
    """All of `packets` through `scrambler` into `sink`; what was done, and what `sink` has to say.

    Raises what LiveScrambler raises; OSError.
    """
    status = Status()
    try:
        for some in packets:
            released = scrambler.feed(some)
            sink.put(released)
            status.tell(released)
        sink.put(scrambler.finish())
        said = sink.finish()
    finally:
        status.end()
    return scrambler.result(), said
