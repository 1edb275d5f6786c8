"""What a host wants of all its TCP connections."""

from dataclasses import dataclass

from testbed.network.tcp.timing import LEAST_NS

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TcpSettings:
    """window: octets that are taken before the user reads. mss: what is asked of the other end, and sent at most. After
    silent_ns without a sign of it a connection is given up, after connect_ns one that has not begun. linger_ns: twice
    the segment lifetime. least_timeout_ns: RFC 6298's minimum."""

    window: int = 0xFFFF
    mss: int = 1460
    silent_ns: int = 120 * _NS_PER_S
    connect_ns: int = 180 * _NS_PER_S
    linger_ns: int = 60 * _NS_PER_S
    least_timeout_ns: int = LEAST_NS
