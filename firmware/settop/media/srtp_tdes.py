"""Triple DES over a packet where it lies: ringcast's own suite of SRTP, for the streaming server's historic cipher.

    session keys  HKDF-SHA256(master key, master salt, "ringcast srtp tdes", label u8, part u48): label as RFC 3711
                  (4.3.1) has it; part: the packet's index / 4096 for the cipher's key, 0 for salt and HMAC-SHA1's key
    key stream    output feedback (SP 800-38A, 6.4) from the CBC-MAC of the block from which AES-CM would count
                  (RFC 3711, 4.1.1); both under the cipher's key of this part

Frames, tags and windows are those of settop.media.srtp_counter. A part's packets are less than the 2^20 blocks that may
go under one key (SP 800-67, 3.3).
"""

import struct

from settop.crypto.hkdf import hkdf
from settop.crypto.packet_kernels import start, xor
from settop.crypto.tdes import KEY_BYTES, Tdes
from settop.crypto.wipe import wipe
from settop.media.srtp_counter import CounterKeys
from settop.media.srtp_keys import AUTHENTICATION, ENCRYPTION, SALT
from settop.media.srtp_suites import AUTH_KEY_BYTES

SALT_BYTES = 14
PART_BITS = 12
_INFO = b"ringcast srtp tdes"
_STREAM_AT, _STREAM_BYTES = 32, 1320  # seven packets of a transport stream go through at once
_FIRST = bytes(8)


class TdesKeys(CounterKeys):
    """As CounterKeys, from a master key of 24 octets and a salt of 14, which stay the caller's. label: 0 or
    srtp_keys.CONTROL; cipher: what makes the chain, settop.crypto.tdes.Tdes or a faster one with its face."""

    def __init__(self, key, salt, label, tag_bytes, kind, cipher=None):
        auth_key = _derive(key, salt, label + AUTHENTICATION, 0, AUTH_KEY_BYTES)
        CounterKeys.__init__(self, None, b"", auth_key, tag_bytes, kind)
        wipe(auth_key)
        self.encrypts = True
        self._mode = TdesMode(key, salt, label, kind, cipher or Tdes)  # type: ignore[assignment]  # it has that face


class TdesMode:
    """The key stream, with the face of settop.crypto.counter.CounterMode."""

    def __init__(self, key, salt, label, kind, cipher):
        self._master = bytearray(KEY_BYTES + SALT_BYTES)
        self._master[:KEY_BYTES] = key
        self._master[KEY_BYTES:] = salt
        self._label = label
        self._kind = kind
        self._make = cipher
        self._work = bytearray(_STREAM_AT + _STREAM_BYTES)
        self._view = memoryview(self._work)
        self._zeros = memoryview(bytes(_STREAM_BYTES))
        own = _derive(key, salt, label + SALT, 0, SALT_BYTES)
        self._work[16 : 16 + SALT_BYTES] = own
        wipe(own)
        self._ciphers = []  # (part, cipher): of the packets that come now, and of late ones

    def crypt(self, packet, high, low, begin, end):
        """Encrypt or decrypt packet[begin:end] where it lies; high, low: the upper and lower 16 bits of its index."""
        cipher = self._of_part(high << 16 - PART_BITS | low >> PART_BITS)
        start(self._work, packet, high, low << 9 | self._kind)
        cipher.restart(_FIRST)
        cipher.crypt(self._work, 0, 16)
        while begin < end:
            size = min(end - begin, _STREAM_BYTES)
            whole = size + 7 & ~7
            self._view[_STREAM_AT : _STREAM_AT + whole] = self._zeros[:whole]
            cipher.crypt(self._work, _STREAM_AT, _STREAM_AT + whole)
            xor(packet, self._view[_STREAM_AT:], size, begin)
            begin += size

    def close(self):
        """Wipes the keys; nothing can be done with it any more."""
        for _, cipher in self._ciphers:
            cipher.close()
        self._ciphers = []
        wipe(self._work)
        wipe(self._master)

    def _of_part(self, part):
        for known, cipher in self._ciphers:
            if known == part:
                return cipher
        master = memoryview(self._master)
        key = _derive(master[:KEY_BYTES], master[KEY_BYTES:], self._label + ENCRYPTION, part, KEY_BYTES)
        cipher = self._make(key, _FIRST, False)
        wipe(key)
        if len(self._ciphers) == 2:
            self._ciphers.pop(0)[1].close()
        self._ciphers.append((part, cipher))
        return cipher


def _derive(key, salt, label, part, size):
    return hkdf(key, salt, _INFO + struct.pack(">BHI", label, part >> 32, part & 0xFFFFFFFF), size)
