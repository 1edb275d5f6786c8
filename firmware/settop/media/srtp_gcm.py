"""AES-GCM over a packet where it lies (RFC 7714).

RTP    header | payload, encrypted | tag | MKI
RTCP   8 octets | the rest, encrypted | tag | E u1, index u31 | MKI
"""

import struct

from settop.crypto.aes import aes_ecb, wipe_aes
from settop.crypto.counter import GCM, CounterMode
from settop.crypto.ghash import Ghash
from settop.crypto.packet_kernels import differs
from settop.crypto.wipe import wipe
from settop.media.srtp_suites import CONTROL_HEADER_BYTES

TAG_BYTES = 16


class GcmKeys:
    """The session keys of RTP or of RTCP, with the face of settop.media.srtp_counter.CounterKeys. key: 16 octets; salt:
    12; kind: settop.crypto.counter.CONTROL for RTCP, 0 for RTP."""

    tag_is_last = False
    encrypts = True
    tag_bytes = TAG_BYTES

    def __init__(self, key, salt, kind):
        self._mode = CounterMode(key, salt, GCM | kind)
        cipher = aes_ecb(key)
        self._tag = bytearray(TAG_BYTES)
        cipher.encrypt(self._tag, self._tag)
        wipe_aes(cipher)
        self._hash = Ghash(self._tag)
        wipe(self._tag)

    def seal(self, packet, start, size, high, low, mki):
        """Encrypt packet[start:size], put tag and MKI behind it, return the new size."""
        self._mode.mask(packet, high, low, self._tag)
        self._mode.crypt_behind(packet, start, size)
        self._authenticate(packet, start, start, size)
        return self._put(packet, size + self._put_tag(packet, size), mki)

    def open(self, packet, start, end, size, high, low):
        """Whether packet[:size] is genuine; its payload, packet[start:end], is decrypted then."""
        self._mode.mask(packet, high, low, self._tag)
        self._authenticate(packet, start, start, end)
        if differs(self._tag, packet, end, TAG_BYTES):
            return False
        self._mode.crypt_behind(packet, start, end)
        return True

    def seal_control(self, packet, size, word, mki):
        """The same for an RTCP packet; word: its index with E above it, which goes behind the tag."""
        self._mode.mask(packet, word >> 16 & 0x7FFF, word & 0xFFFF, self._tag)
        self._mode.crypt_behind(packet, CONTROL_HEADER_BYTES, size)
        self._authenticate_control(packet, size, word)
        size += self._put_tag(packet, size)
        struct.pack_into(">I", packet, size, word)
        return self._put(packet, size + 4, mki)

    def open_control(self, packet, end, size, word):
        """The same for an RTCP packet, whose word stands at packet[end]."""
        end -= TAG_BYTES
        self._mode.mask(packet, word >> 16 & 0x7FFF, word & 0xFFFF, self._tag)
        self._authenticate_control(packet, end, word)
        if differs(self._tag, packet, end, TAG_BYTES):
            return False
        self._mode.crypt_behind(packet, CONTROL_HEADER_BYTES, end)
        return True

    def close(self):
        """Wipes the keys."""
        self._mode.close()
        self._hash.close()
        wipe(self._tag)

    def _authenticate(self, packet, associated, start, end):
        ghash = self._hash
        ghash.begin()
        ghash.absorb(packet, 0, associated)
        ghash.absorb(packet, start, end - start)
        ghash.finish(self._tag, associated, end - start)

    def _authenticate_control(self, packet, end, word):
        """The first eight octets and the word go with it: one block, and less."""
        ghash = self._hash
        block = bytearray(packet[:CONTROL_HEADER_BYTES]) + struct.pack(">I", word)
        ghash.begin()
        ghash.absorb(block, 0, len(block))
        ghash.absorb(packet, CONTROL_HEADER_BYTES, end - CONTROL_HEADER_BYTES)
        ghash.finish(self._tag, len(block), end - CONTROL_HEADER_BYTES)

    def _put_tag(self, packet, size):
        for i in range(TAG_BYTES):
            packet[size + i] = self._tag[i]
        return TAG_BYTES

    def _put(self, packet, size, mki):
        for octet in mki:
            packet[size] = octet
            size += 1
        return size
