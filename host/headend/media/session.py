"""One viewer's session: which title, by which way, and where it stands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from settop.wire.rtsp_fields import Transport

from headend.media import states
from headend.media.access import Pass
from headend.media.protection import Protection
from headend.media.sender import RtpSender
from headend.media.source import TsSource

TIMEOUT_S = 60
REPORT_EVERY_MS = 5_000
GOODBYE_AFTER_MS = 500
"""So long after the last packet comes BYE: players end a title by it, whatever still waits in what evens out jitter."""


class Line(Protocol):
    """What the session needs of the connection that carries its frames."""

    backlog: int
    over: bool

    def frame(self, channel: int, octets: bytes) -> None: ...


@dataclass
class Title:
    """name: as its URL has it. source: its file; lighter: the same in fewer octets, the lightest last. suites: what it
    may be protected with, the favourite first (numbers of settop.wire.stream); none: it is sent in the clear, and to
    whoever asks.
    """

    name: str
    source: TsSource
    lighter: tuple[TsSource, ...] = ()
    suites: tuple[int, ...] = ()


@dataclass
class Session:
    """number: its id, which only its owner knows. peer: the host that set it up, the only one that
    anything is sent to.

    bye_ms: when it is told that all has gone, None before. line: the connection that carries its frames, where it goes
    by TCP. Of a title that is not in the clear: passed, who was let in; owner, the connection whose keys it has, and
    with which it ends; guard, these keys at work.
    """

    number: str
    title: Title
    sender: RtpSender
    peer: str
    seen_ms: int
    way: Transport = field(default_factory=Transport)
    line: Line | None = None
    state: str = states.INIT
    report_ms: int = 0
    bye_ms: int | None = None
    dropped: int = 0
    passed: Pass | None = None
    owner: Line | None = None
    guard: Protection | None = None

    @property
    def stale_ms(self) -> int:
        """When it ends where nobody says anything more."""
        return self.seen_ms + TIMEOUT_S * 1000

    def send(self, octets: bytes, rtcp: bool, datagram: Callable[[bool, tuple[str, int], bytes], None]) -> None:
        """One packet by its way. datagram: takes (whether it is RTCP, address, octets)."""
        if self.guard is not None:
            octets = self.guard.report(octets) if rtcp else self.guard.media(octets)
        if self.way.channels is not None:
            if self.line is not None and not self.line.over:
                self.line.frame(self.way.channels[rtcp], octets)
        elif self.way.client is not None:
            datagram(rtcp, (self.peer, self.way.client[rtcp]), octets)
