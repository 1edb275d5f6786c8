"""What a viewer is asked for, where it plays to, and what it says of how it stands."""

from dataclasses import dataclass, field
from typing import Protocol

from settop.wire import stream as wire

SUITES = (wire.AES_CM_SHA1_80, wire.AES_GCM_128, wire.TDES_SHA1_80)
"""The quickest here first."""
BUFFER_MS = 1_000


class Sink(Protocol):
    """Where the title is played to."""

    def write(self, octets: memoryview) -> int:
        """How many of them it took; it is asked again for the rest."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What is to be played. url: rtsp://HOST[:PORT]/NAME. token: its text, without which only a title in the clear can
    be had, and with which nothing else; user: whose it is. tcp: media come over the connection, not by UDP. buffer_ms:
    so much of the title is here before it is played.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    user: str = ""
    tcp: bool = False
    buffer_ms: int = BUFFER_MS
    suites: tuple[int, ...] = SUITES


@dataclass(frozen=True)
class Seen:
    """How it stands. state: connecting, filling, playing, ended or failed. suite: None: in the clear, or not agreed
    upon yet. packets: of the title, kept; lost: did not come; late: came behind their time; dropped: the keys did not
    open them. octets, sha256: of what was played. Levels of the buffer in ms of media: now, and the least and the most
    while it played and more was to come, None where that never was.
    """

    state: str
    transport: str
    suite: str | None
    packets: int
    lost: int
    late: int
    doubled: int
    reordered: int
    dropped: int
    octets: int
    sha256: str
    underruns: int
    overruns: int
    level_ms: int
    least_ms: int | None
    most_ms: int | None
    played_ms: int
    duration_ms: int | None
