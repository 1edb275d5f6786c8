"""RFC 1662 HDLC-like framing with FCS-16, octet-stuffed (sections 3 and 4), without IO.

A frame on the line: 7E FF 03 payload FCS-low FCS-high 7E; 7E and 7D inside are sent as 7D and the octet XOR 20.
Control characters are not escaped (an ACCM of zero): the modems are transparent.
"""

from settop.errors import LocalError
from settop.wire.crc import FCS16_GOOD, fcs16

FLAG = 0x7E
ESCAPE = 0x7D
FLIP = 0x20
HEADER = b"\xff\x03"  # All-Stations address, Unnumbered Information control (RFC 1662, 3.1)
MAX_PAYLOAD_BYTES = 160


def encode(payload):
    """One frame's octets for the line. Raises LocalError above MAX_PAYLOAD_BYTES."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise LocalError("frame of %d bytes, at most %d" % (len(payload), MAX_PAYLOAD_BYTES))
    fcs = fcs16(payload, fcs16(HEADER)) ^ 0xFFFF
    out = bytearray((FLAG,))
    for part in (HEADER, payload, bytes((fcs & 0xFF, fcs >> 8))):
        for octet in part:
            if octet == FLAG or octet == ESCAPE:
                out.append(ESCAPE)
                octet ^= FLIP
            out.append(octet)
    out.append(FLAG)
    return bytes(out)


class Deframer:
    """Finds frames in what a line delivers, in pieces of any size.

    `frames` good ones so far, `damaged` those with a wrong FCS, header, escape or length. Memory is bounded by
    MAX_PAYLOAD_BYTES whatever arrives.
    """

    def __init__(self):
        self.frames = 0
        self.damaged = 0
        self._buffer = bytearray()
        self._escaped = False
        self._inside = False
        self._overlong = False

    def feed(self, data):
        """List of the payloads (bytes) completed by `data`."""
        done = []
        for octet in data:
            if octet == FLAG:
                payload = self._close()
                if payload is not None:
                    done.append(payload)
            elif not self._inside or self._overlong:
                pass
            elif octet == ESCAPE:
                # Two escapes in a row never come from a sender: the second stands for damage.
                if self._escaped:
                    self._overlong = True
                self._escaped = True
            else:
                if self._escaped:
                    octet ^= FLIP
                    self._escaped = False
                if len(self._buffer) >= MAX_PAYLOAD_BYTES + 4:
                    self._overlong = True
                else:
                    self._buffer.append(octet)
        return done

    def _close(self):
        buffer = self._buffer
        bad = self._overlong or self._escaped  # 7D 7E is an abort (RFC 1662, 4.3)
        self._buffer = bytearray()
        self._escaped = self._overlong = False
        if not self._inside:
            self._inside = True
            return None
        if not bad and len(buffer) < 5:
            # One flag may close a frame and open the next; text of a modem between frames also lands here.
            if buffer:
                self.damaged += 1
            return None
        if bad or fcs16(buffer) != FCS16_GOOD or bytes(buffer[:2]) != HEADER:
            self.damaged += 1
            return None
        self.frames += 1
        return bytes(buffer[2:-2])
