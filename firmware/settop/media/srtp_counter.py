"""AES in counter mode and HMAC-SHA1 over a packet where it lies (RFC 3711, 4.1.1 and 4.2.1).

RTP    header | payload, encrypted | MKI | tag over header, payload and roll-over counter
RTCP   8 octets | the rest, encrypted | E u1, index u31 | MKI | tag over all before the MKI
"""

import struct

from settop.crypto.counter import CounterMode
from settop.crypto.hmac_sha1 import HmacSha1
from settop.crypto.packet_kernels import differs
from settop.media.srtp_suites import CONTROL_HEADER_BYTES, CONTROL_SOURCE_AT, SOURCE_AT

_TO = 4  # where a source goes in a block


class CounterKeys:
    """The session keys of RTP or of RTCP. key: 16 octets, None for the null cipher; salt: 14; auth_key: 20; tag_bytes:
    behind each packet; scratch: of CounterMode."""

    tag_is_last = True

    def __init__(self, key, salt, auth_key, tag_bytes, scratch):
        self.tag_bytes = tag_bytes
        self.encrypts = key is not None
        self._hmac = HmacSha1(auth_key)
        self._mode = CounterMode(key, salt, _TO, scratch) if key is not None else None
        self._more = bytearray(4)  # the roll-over counter, as it is authenticated
        self._packet = self._covered = None  # views of the last packet, as most lie in one buffer and are equally long
        self._covered_bytes = -1

    def seal(self, packet, start, size, high, low, mki):
        """Encrypt packet[start:size], put MKI and tag behind it, return the new size. high, low: roll-over counter and
        sequence number."""
        if self._mode is not None:
            self._mode.begin(packet, SOURCE_AT, high, low)
            self._mode.crypt(packet, start, size)
        return self._sign(packet, size, self._told(high), mki)

    def open(self, packet, start, end, size, high, low):
        """Whether packet[:size] is genuine; its payload, packet[start:end], is decrypted then."""
        tag = self._hmac.tag(self._cover(packet, end), self._told(high))
        if differs(tag, packet, size - self.tag_bytes, self.tag_bytes):
            return False
        if self._mode is not None:
            self._mode.begin(packet, SOURCE_AT, high, low)
            self._mode.crypt(packet, start, end)
        return True

    def seal_control(self, packet, size, word, mki):
        """The same for an RTCP packet; word: its index with E above it, which goes behind it."""
        if self._mode is not None:
            self._mode.begin(packet, CONTROL_SOURCE_AT, word >> 16 & 0x7FFF, word & 0xFFFF)
            self._mode.crypt(packet, CONTROL_HEADER_BYTES, size)
        struct.pack_into(">I", packet, size, word)
        return self._sign(packet, size + 4, b"", mki)

    def open_control(self, packet, end, size, word):
        """The same for an RTCP packet, whose word stands at packet[end]."""
        tag = self._hmac.tag(self._cover(packet, end + 4), b"")
        if differs(tag, packet, size - self.tag_bytes, self.tag_bytes):
            return False
        if self._mode is not None:
            self._mode.begin(packet, CONTROL_SOURCE_AT, word >> 16 & 0x7FFF, word & 0xFFFF)
            self._mode.crypt(packet, CONTROL_HEADER_BYTES, end)
        return True

    def close(self):
        """Wipes the keys."""
        self._hmac.close()
        if self._mode is not None:
            self._mode.close()
        self._packet = self._covered = None

    def _told(self, high):
        more = self._more
        more[0] = high >> 24
        more[1] = high >> 16 & 0xFF
        more[2] = high >> 8 & 0xFF
        more[3] = high & 0xFF
        return more

    def _cover(self, packet, size):
        if packet is not self._packet or size != self._covered_bytes:
            self._packet = packet
            self._covered_bytes = size
            self._covered = memoryview(packet)[:size]
        return self._covered

    def _sign(self, packet, size, more, mki):
        tag = self._hmac.tag(self._cover(packet, size), more)
        for octet in mki:
            packet[size] = octet
            size += 1
        for i in range(self.tag_bytes):
            packet[size] = tag[i]
            size += 1
        return size
