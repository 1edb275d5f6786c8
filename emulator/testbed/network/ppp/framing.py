"""Frames of PPP on an asynchronous line (RFC 1662), in bulk: a whole read at once, any length up to a limit.

Flags, the escape, the header and the FCS are those of settop.link.hdlc, which tests hold this against. What PPP has
beyond the telephone line: control characters that are escaped by a map (ACCM), header and protocol in short forms,
frames of 1,500 octets.
"""

from binascii import crc_hqx

from settop.link.hdlc import ESCAPE, FLAG, FLIP, HEADER
from settop.wire.crc import FCS16_GOOD, FCS16_INIT

MAX_FRAME_BYTES = 2048
"""Between two flags, unescaped: an MRU of 1,500, headers and FCS, and what a careless peer adds."""
ALL_CONTROL = 0xFFFFFFFF
"""The map before anything was agreed (RFC 1662, 7.1)."""

_MIRROR = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_FLAG, _ESCAPE = bytes((FLAG,)), bytes((ESCAPE,))
_RAW_LIMIT_BYTES = 2 * MAX_FRAME_BYTES


def _mirrored(word: int) -> int:
    return _MIRROR[word & 0xFF] << 8 | _MIRROR[word >> 8]


def fcs16(data: bytes) -> int:
    """The same as settop.wire.crc.fcs16, by the C library's CRC of the mirrored octets."""
    return _mirrored(crc_hqx(data.translate(_MIRROR), FCS16_INIT))


def encode(protocol: int, payload: bytes, accm: int = ALL_CONTROL, short: bool = False, shorter: bool = False) -> bytes:
    """One frame with a flag at each end. accm: bit n escapes octet n. short: without FF 03 (ACFC); shorter: a protocol
    of one octet where it has one (PFC)."""
    number = protocol.to_bytes(1 if shorter and protocol < 0x100 and protocol & 1 else 2, "big")
    body = (b"" if short else HEADER) + number + payload
    body += (fcs16(body) ^ 0xFFFF).to_bytes(2, "little")
    body = body.replace(_ESCAPE, bytes((ESCAPE, ESCAPE ^ FLIP))).replace(_FLAG, bytes((ESCAPE, FLAG ^ FLIP)))
    for octet in range(32):
        if accm >> octet & 1:
            body = body.replace(bytes((octet,)), bytes((ESCAPE, octet ^ FLIP)))
    return _FLAG + body + _FLAG


class Deframer:
    """Finds frames in what a line delivers, in pieces of any size.

    `frames` good ones so far, `damaged` those with a wrong FCS or escape, or too long. Memory is bounded whatever
    arrives. Control characters are never thrown away: both ends ask for a map of zeros, as the lines are transparent.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.damaged = 0
        self._raw = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(protocol, payload) of each frame that `data` completes."""
        found = []
        *whole, rest = data.split(_FLAG)
        for part in whole:
            self._add(part)
            if (frame := self._close()) is not None:
                found.append(frame)
        self._add(rest)
        return found

    def _add(self, part: bytes) -> None:
        room = _RAW_LIMIT_BYTES - len(self._raw)
        self._overlong |= len(part) > room
        self._raw += part[:room]

    def _close(self) -> tuple[int, bytes] | None:
        raw, overlong = bytes(self._raw), self._overlong
        self._raw.clear()
        self._overlong = False
        if not raw:
            return None
        frame = _unescaped(raw)
        if overlong or frame is None or not 4 <= len(frame) <= MAX_FRAME_BYTES or fcs16(frame) != FCS16_GOOD:
            self.damaged += 1
            return None
        start = len(HEADER) if frame.startswith(HEADER) else 0
        size = 1 if frame[start] & 1 else 2
        if len(frame) < start + size + 2 or not frame[start + size - 1] & 1:  # RFC 1661, 2: the last octet is odd
            self.damaged += 1
            return None
        self.frames += 1
        return int.from_bytes(frame[start : start + size], "big"), frame[start + size : -2]


def _unescaped(raw: bytes) -> bytes | None:
    """None where an escape stands before the flag, or before another one: an abort, or damage."""
    first, *parts = raw.split(_ESCAPE)
    if not all(parts):
        return None
    return first + b"".join(bytes((part[0] ^ FLIP,)) + part[1:] for part in parts)
