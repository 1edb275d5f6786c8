"""AES in counter mode and HMAC-SHA1 over a packet where it lies (RFC 3711, 4.1.1 and 4.2.1).

RTP    header | payload, encrypted | MKI | tag over header, payload and roll-over counter
RTCP   8 octets | the rest, encrypted | E u1, index u31 | MKI | tag over all before the MKI
"""

import struct

from settop.crypto.counter import CounterMode
from settop.crypto.hmac_sha1 import HmacSha1
from settop.crypto.packet_kernels import differs
from settop.media.srtp_suites import CONTROL_HEADER_BYTES


class CounterKeys:
    """The session keys of RTP or of RTCP. key: 16 octets, None for the null cipher; salt: 14; auth_key: 20; tag_bytes:
    behind each packet; kind: settop.crypto.counter.CONTROL for RTCP, 0 for RTP."""

    tag_is_last = True

    def __init__(self, key, salt, auth_key, tag_bytes, kind):
        self.tag_bytes = tag_bytes
        self.encrypts = key is not None
        self._hmac = HmacSha1(auth_key)
        self._mode = CounterMode(key, salt, kind) if key is not None else None
        self._more = bytearray(4)  # the roll-over counter, as it is authenticated,
        self._high = 0  # and as a number
        self._packet = self._covered = None  # views of the last packet, as most lie in one buffer and are equally long
        self._covered_bytes = -1

    def seal(self, packet, start, size, high, low, mki):
        """Encrypt packet[start:size], put MKI and tag behind it, return the new size. high, low: roll-over counter and
        sequence number."""
        if self._mode is not None:
            self._mode.crypt(packet, high, low, start, size)
        self._tell(high)
        return self._sign(packet, size, self._more, mki)

    def open(self, packet, start, end, size, high, low):
        """Whether packet[:size] is genuine; its payload, packet[start:end], is decrypted then."""
        if high != self._high:
            self._tell(high)
        if packet is not self._packet or end != self._covered_bytes:
            self._cover(packet, end)
        bytes_of_tag = self.tag_bytes
        if differs(self._hmac.tag(self._covered, self._more), packet, size - bytes_of_tag, bytes_of_tag):
            return False
        if self._mode is not None:
            self._mode.crypt(packet, high, low, start, end)
        return True

    def seal_control(self, packet, size, word, mki):
        """The same for an RTCP packet; word: its index with E above it, which goes behind it."""
        if self._mode is not None:
            self._mode.crypt(packet, word >> 16 & 0x7FFF, word & 0xFFFF, CONTROL_HEADER_BYTES, size)
        struct.pack_into(">I", packet, size, word)
        return self._sign(packet, size + 4, b"", mki)

    def open_control(self, packet, end, size, word):
        """The same for an RTCP packet, whose word stands at packet[end]."""
        self._cover(packet, end + 4)
        if differs(self._hmac.tag(self._covered, b""), packet, size - self.tag_bytes, self.tag_bytes):
            return False
        if self._mode is not None:
            self._mode.crypt(packet, word >> 16 & 0x7FFF, word & 0xFFFF, CONTROL_HEADER_BYTES, end)
        return True

    def close(self):
        """Wipes the keys."""
        self._hmac.close()
        if self._mode is not None:
            self._mode.close()
        self._packet = self._covered = None

    def _tell(self, high):
        self._high = high
        struct.pack_into(">I", self._more, 0, high)

    def _cover(self, packet, size):
        self._packet = packet
        self._covered_bytes = size
        self._covered = memoryview(packet)[:size]

    def _sign(self, packet, size, more, mki):
        self._cover(packet, size)
        tag = self._hmac.tag(self._covered, more)
        for octet in mki:
            packet[size] = octet
            size += 1
        for i in range(self.tag_bytes):
            packet[size] = tag[i]
            size += 1
        return size
