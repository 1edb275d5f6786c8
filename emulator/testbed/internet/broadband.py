"""A broadband modem on a terminal's line "network": PPP both ways, and the provider behind it."""

from testbed.internet.meter import Meter
from testbed.network.links import NS_PER_MS
from testbed.network.ppp_link import PppLink


class BroadbandModem:
    """testbed.station.Attachment, made by `Internet.broadband`. `link` is the provider's end, with its address and its
    counters; `to_terminal` and `from_terminal` meter the octets of the line.
    """

    def __init__(self, link: PppLink) -> None:
        self.link = link
        self.to_terminal, self.from_terminal = Meter(), Meter()
        self._now_ms = 0

    @property
    def waiting(self) -> bool:
        return self.link.waiting

    def receive(self, data: bytes, now_ms: int) -> None:
        self.from_terminal.count(len(data), now_ms)
        self.link.receive(data, now_ms * NS_PER_MS)

    def poll(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def take(self) -> bytes:
        data = self.link.take()
        self.to_terminal.count(len(data), self._now_ms)
        return data

    def next_timer(self) -> int | None:
        """None: the network is a part of its own, and has timers of its own."""
        return None

    def drop(self, now_ms: int) -> None:
        """The link is cut: silence both ways, and what was on it is lost. Nothing where it is cut already."""
        self.link.receive(b"", now_ms * NS_PER_MS)
        self.link.drop()

    def restore(self, now_ms: int) -> None:
        """It is there again, and the terminal has to begin anew. Nothing where it never was cut."""
        self.link.receive(b"", now_ms * NS_PER_MS)
        self.link.restore()
